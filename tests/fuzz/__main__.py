"""`make fuzz`: hostile input against a fresh copy of Antiphon, bounded in time; exits with 1 when it found anything.

A run prints its SEED; the same seed sends the same again.
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
from tests.fuzz.report import Tried, show, write
from tests.fuzz.run import Run
from tests.load.flow import Flow

CONSOLE = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 180)
FOLDER = PROJECT / ".antiphon" / "fuzz"
CORPORA = PROJECT.parent / "shared" / "corpora"


class Part(NamedTuple):
    """One kind of attack, and its share of the time."""

    name: str
    attack: Callable[[Run], Awaitable[list[Tried]]]
    share: float


PARTS = (
    Part(tokens.PART, tokens.attack, 0.06),
    Part(readers.PART, readers.attack, 0.05),
    Part(rules.PART, rules.attack, 0.12),
    Part(events.PART, events.attack, 0.2),
    Part(mails.PART, mails.attack, 0.18),
    Part(apis.PART, apis.attack, 0.39),
)


class Asked(NamedTuple):
    """What the person asked for."""

    minutes: float
    quick: bool
    seed: int
    corpora: Path
    only: str | None


async def _tried(part: Part, run: Run) -> list[Tried]:
    try:
        return await part.attack(run)
    except Exception:  # noqa: BLE001 - what stops an attack is a finding, and the other parts still run
        return [Tried(part.name, "the attack came to its end", 1, [traceback.format_exc()[-2000:]])]


async def fuzz(asked: Asked) -> list[Tried]:
    """Runs the parts one after another on one stack."""
    began = time.monotonic()

    def tell(line: str) -> None:
        passed = time.monotonic() - began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    shutil.rmtree(FOLDER, ignore_errors=True)
    stack = Stack(Site(FOLDER / "site", Ports.free()))
    rows: list[Tried] = []
    try:
        tell("starting everything")
        await asyncio.to_thread(stack.start)
        async with Flow(stack) as flow:
            run = Run(stack, flow, asked.seed, asked.quick, tell, asked.corpora)
            run.mark()
            for part in PARTS:
                if asked.only not in {None, part.name}:
                    continue
                share = part.share if asked.only is None else 1
                run.ends = time.monotonic() + asked.minutes * 60 * share
                tell(f"[bold]{part.name}[/bold], for {run.left():.0f} s")
                rows += [*await _tried(part, run), await run.house(part.name)]
    finally:
        await asyncio.to_thread(stack.stop)
    return rows


def main() -> int:
    """0 when nothing was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="under 90 seconds and the start")
    parser.add_argument("--minutes", type=float, help="how long, without the start; 9 if not given")
    parser.add_argument("--seed", type=int, help="repeats a run")
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="real mails to mutate")
    parser.add_argument("--only", choices=[part.name for part in PARTS])
    given = parser.parse_args()
    minutes: float = given.minutes or (1.1 if given.quick else 9)
    seed: int = secrets.randbelow(10**9) if given.seed is None else given.seed
    CONSOLE.print(f"SEED={seed} MINUTES={minutes:g}")
    rows = asyncio.run(fuzz(Asked(minutes, given.quick, seed, given.corpora, given.only)))
    write(rows, seed, PROJECT / ".antiphon" / "fuzz.jsonl")
    show(rows, CONSOLE, f"Hostile input, SEED={seed}")
    return 1 if any(row.found for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
