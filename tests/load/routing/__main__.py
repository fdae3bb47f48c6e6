"""`make bench-routing`: measures parts of routing alone on this machine, without Kafka and the other services."""

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence

import structlog

from antiphon.postgres import migrations
from antiphon.postgres.engine import create_engine
from deploy.postgres import Postgres
from deploy.site import PROJECT, Ports
from tests.load import figures
from tests.load.figures import Figure
from tests.load.routing.bench import CONSOLE, FOLDER, FULL, QUICK, SHORT, Bench, Sizes
from tests.load.routing.decisions import measure_decisions
from tests.load.routing.matching import measure_matching
from tests.load.routing.offers import measure_offers
from tests.load.routing.timers import measure_timers
from tests.load.routing.trials import measure_trials

PARTS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "trials": measure_trials,
    "decisions": measure_decisions,
    "offers": measure_offers,
    "timers": measure_timers,
    "matching": measure_matching,
}


async def run(sizes: Sizes, only: Sequence[str]) -> list[Figure]:
    """Measures the parts, each on a database of its own; returns the figures."""
    measured: list[Figure] = []
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
            measured += bench.figures
    shutil.rmtree(FOLDER, ignore_errors=True)
    return measured


def main() -> int:
    """Runs the bench and returns 0; targets that are missed do not fail it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="measures fewer sizes")
    parser.add_argument("--short", action="store_true", help="checks that the bench works; measures nothing")
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}, separated by commas")
    arguments = parser.parse_args()
    parts = [name for name in arguments.only.split(",") if name]
    if unknown := sorted({*parts} - {*PARTS}):
        parser.error(f"unknown parts {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    # Routing logs a line for each of a thousand offers.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sizes = SHORT if arguments.short else QUICK if arguments.quick else FULL
    measured = asyncio.run(run(sizes, parts))
    figures.write(measured, PROJECT / ".antiphon" / "bench-routing.jsonl")
    figures.show(measured, CONSOLE, "Routing alone, measured on this machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
