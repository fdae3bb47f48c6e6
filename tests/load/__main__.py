"""`make bench`: measures a fresh copy of Antiphon on this machine and prints what it found."""

import argparse
import asyncio
import secrets
import shutil
import sys

from rich.console import Console

from deploy.site import PROJECT, SERVICES, Ports, Site
from deploy.stack import Stack
from tests.load import figures, meter, throughput
from tests.load.figures import Figure
from tests.load.flow import Flow
from tests.load.traffic import plan

CONSOLE = Console(soft_wrap=True)
FOLDER = PROJECT / ".antiphon" / "bench"


def tell(line: str) -> None:
    """A line of progress."""
    CONSOLE.print(f"[dim]…[/dim] {line}")


async def bench(*, quick: bool) -> list[Figure]:
    shutil.rmtree(FOLDER / "site", ignore_errors=True)
    stack = Stack(Site(FOLDER / "site", Ports.free()), tell)
    found: list[Figure] = []
    try:
        await asyncio.to_thread(stack.start_ground)
        await asyncio.to_thread(meter.count_statements, stack)
        ceiling, ceiling_cpu = await throughput.ceiling(stack, 20_000)
        tell(f"ceiling of one bare hop: {ceiling:,.0f}/s, {ceiling_cpu:.3f} CPU-s per 1,000")
        for service in SERVICES:
            stack.start_service(service, wait=False)
        for service in SERVICES:
            await asyncio.to_thread(stack.wait_ready, service)
        async with Flow(stack) as flow:
            count = 5_000 if quick else 50_000
            run = secrets.token_hex(3)
            drained = await throughput.drain(stack, flow, run, plan(count, count // 10, 1))
            tell(f"doors: {count / drained.door_seconds:,.0f}/s; {drained.door_used}")
            tell(
                f"drained: {drained.per_second:,.0f}/s, {drained.cpu_per_1000:.2f} CPU-s per 1,000: {drained.used}"
            )
            tell(str({k: v // 2**20 for k, v in drained.peak.items()}))
            found.append(Figure("throughput", drained.per_second, "interactions/s", ceiling, ">= 0.15"))
            found.append(Figure("cpu_per_1000", drained.cpu_per_1000, "CPU-s", None, "<= 1.2"))
    finally:
        stack.stop()
    return found


def main() -> int:
    """Runs the bench; 0 when it came to its end, whatever the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    found = asyncio.run(bench(quick=parser.parse_args().quick))
    figures.write(found, PROJECT / ".antiphon" / "bench.jsonl")
    figures.show(found, CONSOLE, "Antiphon, measured on this machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
