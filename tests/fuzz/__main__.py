"""`make fuzz`: sends hostile input to a fresh copy of Antiphon for a limited time.

A run prints its SEED. The same seed sends the same input again.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from deploy.site import PROJECT, Ports, Site
from deploy.stack import Stack
from tests.fuzz import apis, events, mails, readers, rules, tokens
from tests.fuzz.result import AttackResult, show, write
from tests.fuzz.run import Run
from tests.load.flow import Flow

CONSOLE = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 180)
FOLDER = PROJECT / ".antiphon" / "fuzz"
CORPORA = PROJECT.parent / "shared" / "corpora"


class Part(NamedTuple):
    """One kind of attack, and its share of the time."""

    name: str
    attack: Callable[[Run], Awaitable[list[AttackResult]]]
    share: float


PARTS = (
    Part(tokens.PART, tokens.attack, 0.06),
    Part(readers.PART, readers.attack, 0.05),
    Part(rules.PART, rules.attack, 0.12),
    Part(events.PART, events.attack, 0.2),
    Part(mails.PART, mails.attack, 0.18),
    Part(apis.PART, apis.attack, 0.39),
)


class Options(NamedTuple):
    """The options of a run."""

    minutes: float
    quick: bool
    seed: int
    corpora: Path
    only: str | None


async def _attack(part: Part, run: Run) -> list[AttackResult]:
    try:
        return await part.attack(run)
    except Exception:  # noqa: BLE001 - an error that stops an attack is a finding, and the other parts still run
        return [AttackResult(part.name, "the attack ran to its end", 1, [traceback.format_exc()[-2000:]])]


async def fuzz(options: Options) -> list[AttackResult]:
    """Runs the parts one after another on one stack."""
    began = time.monotonic()

    def report(line: str) -> None:
        passed = time.monotonic() - began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    shutil.rmtree(FOLDER, ignore_errors=True)
    stack = Stack(Site(FOLDER / "site", Ports.free()))
    rows: list[AttackResult] = []
    try:
        report("starting everything")
        await asyncio.to_thread(stack.start)
        async with Flow(stack) as flow:
            run = Run(stack, flow, options.seed, options.quick, report, options.corpora)
            run.mark()
            for part in PARTS:
                if options.only not in {None, part.name}:
                    continue
                share = part.share if options.only is None else 1
                run.ends = time.monotonic() + options.minutes * 60 * share
                report(f"[bold]{part.name}[/bold], for {run.left():.0f} s")
                rows += [*await _attack(part, run), await run.check_services(part.name)]
    finally:
        await asyncio.to_thread(stack.stop)
    return rows


def main() -> int:
    """Runs the attacks. Returns 1 when they have findings, else 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 90 seconds, without the start")
    parser.add_argument("--minutes", type=float, help="duration without the start; 9 by default")
    parser.add_argument("--seed", type=int, help="repeats the input of a run")
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder of real mails to mutate")
    parser.add_argument("--only", choices=[part.name for part in PARTS], help="runs one part")
    arguments = parser.parse_args()
    minutes: float = arguments.minutes or (1.1 if arguments.quick else 9)
    seed: int = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    CONSOLE.print(f"SEED={seed} MINUTES={minutes:g}")
    rows = asyncio.run(fuzz(Options(minutes, arguments.quick, seed, arguments.corpora, arguments.only)))
    write(rows, seed, PROJECT / ".antiphon" / "fuzz.jsonl")
    show(rows, CONSOLE, f"Hostile input, SEED={seed}")
    return 1 if any(row.findings for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
