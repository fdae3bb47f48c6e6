"""What firing due clocks costs while many others run."""

import time
from typing import NamedTuple

from sqlalchemy import text

from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from routing import store, timers
from routing.configuration.active import Configurations
from routing.domain.timer import TimerKind
from tests.load.figures import Figure
from tests.load.routing.bench import Bench, percentile, short

DUE, ROUNDS = 100, 11  # clocks that are due at once, and repetitions: the first one warms up
MOST_GROWTH, MOST_ROWS = 2, 20

# Two clocks a case: one in time, and one that has warned. Of the new ones a hundred have run out, spread over the table.
_CASES = text(
    """
    with made as materialized (select n, gen_random_uuid() as i, cast(:now as timestamptz) - interval '4 days' as at
                               from generate_series(cast(:from as int), cast(:until as int)) n),
    seen as (insert into case_record (case_id, revision) select i, 1 from made)
    insert into work_item (work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, skills,
        queued_at, due_at, order_at, decision_id, changed_at, agent_id)
    select i, i, 'T-' || n, i, 'email', 'accepted', 'rates', 50, '{}', at, at, at, i, at, 'amara' from made
    """
)
_CLOCKS = text(
    """
    insert into clock (clock_id, case_id, work_item_id, target, policy, calendar, configuration_version, started_at, due_at,
        within, warn_at, warned, terms_since, runs, entries, case_revision, queue, channel)
    select gen_random_uuid(), case_id, case_id, target, 'standard', 'always', :version, at, at + within, within, '{75}', warned,
        at, jsonb_build_array(jsonb_build_array(at, null)), 2, 1, 'rates', 'email'
    from (
        select case_id, cast(substr(case_reference, 3) as int) as n, queued_at from work_item
    ) w cross join (values
        ('first-response', interval '30 days', cast('{}' as int[])), ('resolution', interval '5 days', '{75}')
    ) as t(target, within, warned)
    cross join lateral (
        select case when target = 'resolution' and (n - :from) % :every = 0 then queued_at - interval '2 days' else queued_at end as at
    ) a where n between :from and :until
    """
)
_TIMERS = text(
    f"insert into timer (kind, subject, due_at) select '{TimerKind.SLA_CLOCK}', clock_id, case when due_at < now() "
    "then now() - interval '1 s' else now() + interval '1 day' + random() * interval '9 days' end from clock "
    "where breached_at is null on conflict do nothing"
)
# Resets the fired clocks: they are due again.
_AGAIN = text(
    f"""
    with fired as (
        update clock set breached_at = null, decided_at = null where decided_at is not null returning clock_id, case_id
    ), unlabelled as (
        update work_item set labels = '{{}}' where case_id in (select case_id from fired)
    )
    insert into timer (kind, subject, due_at) select '{TimerKind.SLA_CLOCK}', clock_id, now() - interval '1 s' from fired
    """
)
_NEVER_AGAIN = text("update clock set decided_at = null where decided_at is not null")
_READ = text(
    "select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::int from pg_stat_xact_user_tables"
)


class Cost(NamedTuple):
    """For each due clock: milliseconds, CPU of this process, and rows read. `idle_ms` is for a look when none is due."""

    ms: float
    cpu_ms: float
    rows: float
    idle_ms: float


async def measure_timers(bench: Bench) -> None:
    """Measures the firing of a hundred due clocks with each number of running clocks; the baseline is the smallest number."""
    configurations = Configurations()
    async with bench.engine.begin() as tx:
        version, _ = await Configurations.load(tx, EXAMPLE.read_text(), "bench", "bench", utc_now())
    async with bench.engine.begin() as tx:
        await timers.fire(tx, configurations, utc_now())  # the review after a new version
    costs: list[Cost] = []
    running = 0
    for clocks in bench.sizes.clocks:
        bench.report(f"{clocks:,} clocks run")
        await _insert_clocks(bench, version, running, clocks)
        running = clocks
        costs.append(await _cost(bench, configurations))
        _add_figures(bench, clocks, costs)


def _add_figures(bench: Bench, clocks: int, costs: list[Cost]) -> None:
    name, now, first = f"timers_{short(clocks)}", costs[-1], costs[0] if len(costs) > 1 else None
    target = f"<= {MOST_GROWTH}" if first else None
    note = f"{clocks:,} run, {DUE} due at once, median of {ROUNDS - 1}"
    bench.add(Figure(name, now.ms, "ms per due clock", first and first.ms, target, note))
    bench.add(Figure(f"{name}_cpu", now.cpu_ms, "CPU-ms per due clock", first and first.cpu_ms))
    most = (
        f"<= {MOST_ROWS}" if first else None
    )  # no target for small tables: PostgreSQL reads them whole, which is less work than an index
    bench.add(Figure(f"{name}_rows", now.rows, "rows read per due clock", target=most))
    note = "asks whether any is due, and when the next one is"
    bench.add(Figure(f"{name}_none_due", now.idle_ms, "ms", first and first.idle_ms, note=note))


async def _insert_clocks(bench: Bench, version: int, before: int, clocks: int) -> None:
    """Inserts clocks until so many run; a hundred of the new ones have run out."""
    async with bench.engine.begin() as tx:
        cases = {"from": before // 2 + 1, "until": clocks // 2}
        every = (clocks - before) // 2 // DUE
        await tx.execute(_CASES, {**cases, "now": utc_now()})
        await tx.execute(_CLOCKS, {**cases, "version": version, "every": every})
        await tx.execute(_TIMERS)
    await bench.analyse()


async def _cost(bench: Bench, configurations: Configurations) -> Cost:
    taken: list[Cost] = []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        async with bench.engine.begin() as tx:
            fired = await timers.fire(tx, configurations, utc_now())
        passed, used = time.perf_counter() - began, time.process_time() - used
        _check_fired(fired)
        taken.append(Cost(passed * 1000 / fired, used * 1000 / fired, 0, 0))
        async with bench.engine.begin() as tx:
            await tx.execute(_AGAIN)
    async with bench.engine.begin() as tx:
        before = await tx.scalar(_READ) or 0
        _check_fired(await timers.fire(tx, configurations, utc_now()))
        rows = ((await tx.scalar(_READ) or 0) - before) / DUE
    async with bench.engine.begin() as tx:
        await tx.execute(_NEVER_AGAIN)
    began = time.perf_counter()
    for _ in range(bench.sizes.rounds):
        async with bench.engine.begin() as tx:
            await timers.fire(tx, configurations, utc_now())
        async with bench.engine.connect() as connection:
            await store.timers.next_due(connection)
    idle = (time.perf_counter() - began) * 1000 / bench.sizes.rounds
    warm = taken[1:]
    return Cost(
        percentile([cost.ms for cost in warm], 50), percentile([cost.cpu_ms for cost in warm], 50), rows, idle
    )


def _check_fired(fired: int) -> None:
    if fired != DUE:
        raise RuntimeError(f"{fired} of {DUE} due clocks were fired")
