"""`make bench-routing`: what trying a draft on recorded decisions costs on this machine, and the other parts in `PARTS`."""

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from antiphon.postgres import migrations
from antiphon.postgres.engine import create_engine
from antiphon.postgres.writes import insert_rows
from antiphon.process.clock import utc_now
from deploy.postgres import Postgres
from deploy.site import PROJECT, Ports
from routing import store
from routing.configuration import drafts, trials
from routing.configuration.active import Configurations
from routing.domain.configuration.document import Configuration, read
from routing.domain.decisions.deciding import verdict
from tests.load import figures
from tests.load.deciding import deciding
from tests.load.figures import Figure
from tests.load.offering import offering
from tests.load.pairing import pairing
from tests.load.routing_stand import CONSOLE, FOLDER, FULL, QUICK, SHORT, Bench, Sizes, cpu
from tests.load.rules import PATTERN_EVERY, RULES, bare, contexts, organisation
from tests.load.timing import timing

MOST_CPU_S = 60
KINDS = 2_000  # of contexts; recorded decisions repeat them


async def record(bench: Bench, configuration: Configuration, version: int) -> None:
    """Decisions as routing would have recorded them, one every ten seconds until now, each with a clock."""
    now = utc_now()
    rows: list[dict[str, Any]] = []
    for number, context in enumerate(contexts(KINDS)):
        found = verdict(configuration, context)
        trace = [outcome._asdict() for outcome in found.trace]
        ids = {name: UUID(int=number) for name in ("decision_id", "work_item_id", "case_id")}
        rows.append(
            {**ids, "version": version, "rule": found.rule, "reason": found.reason, "context": context, "trace": trace,
             "outcome": found.outcome, "at": now}
        )  # fmt: skip
    async with bench.engine.begin() as tx:
        await tx.execute(text("create unlogged table kind (like decision)"))
        for first in range(0, KINDS, 200):
            await insert_rows(tx, store.decisions.DECISION, rows[first : first + 200])
        await tx.execute(
            text("with gone as (delete from decision returning *) insert into kind select * from gone")
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


async def trying(bench: Bench) -> None:
    """A draft with a small change, and one that changes every item, over all that was recorded."""
    count = bench.sizes.decisions
    bench.tell(f"recording {count:,} decisions by {RULES} rules")
    source = organisation(RULES)
    configuration = read(source)
    async with bench.engine.begin() as tx:
        version, _ = await Configurations.load(tx, source, "bench", "bench", utc_now())
    await record(bench, configuration, version)
    each = bare(configuration)  # compiles, the first time
    each = bare(configuration)
    bench.tell(f"bare CEL: {each / RULES * 1e6:.2f} µs a rule")
    idle = await _lateness(asyncio.sleep(3))
    for name, draft in (
        ("trial", source.replace("priority: 60", "priority: 61")),
        ("trial_all_changed", organisation(RULES, raised=1)),
    ):
        began, wall = cpu(), time.monotonic()
        tried = asyncio.ensure_future(_tried(bench, draft))
        late = await _lateness(tried)
        result = tried.result()
        used, passed = cpu() - began, time.monotonic() - wall
        if result["decisions"] != count:
            raise RuntimeError(f"{result['decisions']} of {count} decisions were tried")
        note = f"{count:,} decisions, {RULES} rules, {RULES // PATTERN_EVERY} with a pattern, {result['changed']:,} changed, {passed:.0f} s"
        # The evaluator's start would be most of what a few decisions take.
        target = f"<= {MOST_CPU_S}" if count >= QUICK.decisions else None
        scaled = used * FULL.decisions / count
        bench.add(Figure(f"{name}_cpu", scaled, "CPU-s per 100,000", target=target, note=note))
        bench.add(Figure(f"{name}_of_bare_cel", used / count * 1e6, "CPU-µs per decision", each * 1e6))
        note = "how late the service's event loop is meanwhile, and with nothing to do"
        bench.add(Figure(f"{name}_loop_late_p99", late * 1000, "ms", idle * 1000, note=note))


async def _lateness(during: Awaitable[Any]) -> float:
    """The 99th percentile, in seconds, of how late the event loop wakes while something runs."""
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


async def _tried(bench: Bench, source: str) -> dict[str, Any]:
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


PARTS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "trying": trying,
    "deciding": deciding,
    "offering": offering,
    "timing": timing,
    "pairing": pairing,
}


async def run(sizes: Sizes, only: Sequence[str]) -> list[Figure]:
    """The parts, each on a database of its own."""
    found: list[Figure] = []
    shutil.rmtree(FOLDER, ignore_errors=True)
    with Postgres(FOLDER / "postgres", Ports.free().postgres, durable=False) as server:
        for name, part in PARTS.items():
            if only and name not in only:
                continue
            database = f"bench_{secrets.token_hex(3)}"
            await asyncio.to_thread(server.create_database, database)
            await migrations.upgrade(server.url(database), "routing")
            engine = create_engine(server.url(database))
            bench = Bench(server, engine, sizes)
            try:
                await part(bench)
            finally:
                await engine.dispose()
            found += bench.found
    shutil.rmtree(FOLDER, ignore_errors=True)
    return found


def main() -> int:
    """Runs the stand; 0 when it came to its end, whatever was fast or slow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a fifth of it")
    parser.add_argument("--short", action="store_true", help="whether it is right, not how fast")
    parser.add_argument("--only", default="", help=f"of {', '.join(PARTS)}, separated by commas")
    given = parser.parse_args()
    # Of a thousand offers one by one nobody wants a line each.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = SHORT if given.short else QUICK if given.quick else FULL
    found = asyncio.run(run(sizes, [name for name in given.only.split(",") if name]))
    figures.write(found, PROJECT / ".antiphon" / "bench-routing.jsonl")
    figures.show(found, CONSOLE, "Antiphon's router, measured on this machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
