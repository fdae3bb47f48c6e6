"""A run of a part of `make bench-routing`: its database, its sizes, its figures."""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.postgres import Postgres
from deploy.site import PROJECT
from tests.load.figures import Figure

CONSOLE = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 180)
FOLDER = PROJECT / ".antiphon" / "bench-routing"


class Sizes(NamedTuple):
    """The sizes of a run: decisions of a trial, waiting work items, running clocks, and repetitions of each measurement."""

    decisions: int
    waiting: Sequence[int]
    clocks: Sequence[int]
    rounds: int


FULL = Sizes(100_000, (1_000, 10_000, 100_000), (1_000, 100_000, 1_000_000), 200)
QUICK = Sizes(20_000, (1_000, 10_000), (1_000, 100_000), 200)
SHORT = Sizes(2_000, (1_000,), (1_000, 2_000), 10)


@dataclass
class Bench:
    """A run: a database, and the figures so far."""

    postgres: Postgres
    engine: AsyncEngine
    sizes: Sizes
    figures: list[Figure] = field(default_factory=list[Figure])
    began: float = field(default_factory=time.monotonic)

    def report(self, line: str) -> None:
        """Prints a line of progress."""
        passed = time.monotonic() - self.began
        CONSOLE.print(f"[dim]{passed // 60:3.0f}:{passed % 60:02.0f}[/dim]  {line}")

    def add(self, figure: Figure) -> None:
        """Keeps a figure and prints it."""
        self.figures.append(figure)
        ratio = "" if figure.ratio is None else f" ({figure.ratio:.3f} of {figure.baseline:,.3g})"
        self.report(f"[bold]{figure.figure}[/bold] {figure.value:,.3g} {figure.unit}{ratio}")

    async def analyse(self) -> None:
        """Updates the statistics by which PostgreSQL plans queries."""
        async with self.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("vacuum analyze")


def cpu() -> float:
    """CPU seconds of this process and of its child processes that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of the values do not exceed."""
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def short(count: int) -> str:
    """A size as in the names of figures: `1k`, `1m`."""
    return f"{count // 1_000_000}m" if count >= 1_000_000 else f"{count // 1000}k"
