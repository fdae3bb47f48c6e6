"""What a trial of a draft on recorded decisions costs."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from antiphon.postgres.writes import insert_rows
from antiphon.process.clock import utc_now
from routing import store
from routing.configuration import drafts, trials
from routing.configuration.active import Configurations
from routing.domain.configuration.document import Configuration, read
from routing.domain.decisions.verdict import verdict
from tests.load.figures import Figure
from tests.load.routing.bench import FULL, QUICK, Bench, cpu
from tests.load.routing.rules import PATTERN_EVERY, RULES, bare, contexts, organisation

MOST_CPU_S = 60
KINDS = 2_000  # different contexts; the recorded decisions repeat them


async def record(bench: Bench, configuration: Configuration, version: int) -> None:
    """Inserts decisions as routing records them, one every ten seconds until now, each with a clock."""
    now = utc_now()
    rows: list[dict[str, Any]] = []
    for number, context in enumerate(contexts(KINDS)):
        decision = verdict(configuration, context)
        trace = [outcome._asdict() for outcome in decision.trace]
        ids = {name: UUID(int=number) for name in ("decision_id", "work_item_id", "case_id")}
        rows.append(
            {**ids, "version": version, "rule": decision.rule, "reason": decision.reason, "context": context,
             "trace": trace, "outcome": decision.outcome, "at": now}
        )  # fmt: skip
    async with bench.engine.begin() as tx:
        await tx.execute(text("create unlogged table kind (like decision)"))
        for first in range(0, KINDS, 200):
            await insert_rows(tx, store.decisions.DECISION, rows[first : first + 200])
        await tx.execute(
            text("with moved as (delete from decision returning *) insert into kind select * from moved")
        )
        names = "decision_id, work_item_id, case_id, version, rule, reason, context, trace, outcome, at"
        await tx.execute(
            text(
                f"insert into decision ({names}) select gen_random_uuid(), i, i, version, rule, reason, context, trace, outcome, "
                "cast(:now as timestamptz) - n * interval '10 seconds' from generate_series(1, :count) n "
                "join kind on decision_id = cast(lpad(to_hex(n % :kinds), 32, '0') as uuid) "
                "cross join lateral (select cast(md5(cast(n as text)) as uuid) as i) c"
            ),
            {"now": now, "count": bench.sizes.decisions, "kinds": KINDS},
        )
        await tx.execute(
            text(
                "insert into clock (clock_id, case_id, work_item_id, target, policy, calendar, configuration_version, "
                "started_at, terms_since, due_at, met_at, decided_at, within, runs, queue, channel) "
                "select gen_random_uuid(), case_id, work_item_id, 'first-response', 'standard', 'office', version, at, at, "
                "at + interval '1 day', met, met, interval '1 day', jsonb_build_array(jsonb_build_array(at, met)), "
                "'front-desk', 'email' from decision cross join lateral (select at + interval '5 hours' as met) m"
            )
        )
    await bench.analyse()


async def measure_trials(bench: Bench) -> None:
    """Measures trials on all recorded decisions: of a draft with a small change, and of one that changes every decision."""
    count = bench.sizes.decisions
    bench.report(f"recording {count:,} decisions by {RULES} rules")
    source = organisation(RULES)
    configuration = read(source)
    async with bench.engine.begin() as tx:
        version, _ = await Configurations.load(tx, source, "bench", "bench", utc_now())
    await record(bench, configuration, version)
    bare(configuration)  # the first evaluation compiles the rules
    bare_s = bare(configuration)
    bench.report(f"bare CEL: {bare_s / RULES * 1e6:.2f} µs a rule")
    idle = await _lateness(asyncio.sleep(3))
    for name, draft in (
        ("trial", source.replace("priority: 60", "priority: 61")),
        ("trial_all_changed", organisation(RULES, raised=1)),
    ):
        began, wall = cpu(), time.monotonic()
        trial = asyncio.ensure_future(_run_trial(bench, draft))
        late = await _lateness(trial)
        result = trial.result()
        used, passed = cpu() - began, time.monotonic() - wall
        if result["decisions"] != count:
            raise RuntimeError(f"the trial has {result['decisions']} of {count} decisions")
        note = f"{count:,} decisions, {RULES} rules, {RULES // PATTERN_EVERY} with a pattern, {result['changed']:,} changed, {passed:.0f} s"
        # With few decisions most of the time is the start of the evaluator: no target then.
        target = f"<= {MOST_CPU_S}" if count >= QUICK.decisions else None
        scaled = used * FULL.decisions / count
        bench.add(Figure(f"{name}_cpu", scaled, "CPU-s per 100,000", target=target, note=note))
        bench.add(Figure(f"{name}_of_bare_cel", used / count * 1e6, "CPU-µs per decision", bare_s * 1e6))
        note = "delay of the event loop during the trial; the baseline is that of an idle loop"
        bench.add(Figure(f"{name}_loop_late_p99", late * 1000, "ms", idle * 1000, note=note))


async def _lateness(during: Awaitable[Any]) -> float:
    """The 99th percentile, in seconds, of the delay with which the event loop wakes a timer while something runs."""
    late: list[float] = []
    watching = asyncio.create_task(_watch(late))
    try:
        await during
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    late.sort()
    return late[len(late) * 99 // 100]


async def _watch(late: list[float]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.01)
        late.append(time.monotonic() - began - 0.01)


async def _run_trial(bench: Bench, source: str) -> dict[str, Any]:
    now = utc_now()
    async with bench.engine.begin() as tx:
        draft = await drafts.create(tx, "bench", "bench", source, "bench", now)
        trial = await trials.ask(tx, draft, bench.sizes.decisions, None, now, "bench", now)
    await trials.run_next(bench.engine, utc_now)
    async with bench.engine.connect() as connection:
        row = await trials.get(connection, trial.trial_id)
    if row.state != "done":
        raise RuntimeError(f"the trial is {row.state}: {row.failure}")
    return row.result
