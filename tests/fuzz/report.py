"""What was tried and what was found: a table for people, JSON lines for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN = 20
LONGEST = 600


@dataclass
class Tried:
    """One kind of attack: how often it was tried, and what it found, one line each. Nothing found is as it must be."""

    part: str
    what: str
    count: int = 0
    found: list[str] = field(default_factory=list[str])
    note: str = ""

    def expect(self, holds: bool, otherwise: str) -> None:
        """Counts one try, and keeps what was found when what must hold does not."""
        self.count += 1
        if not holds:
            self.found.append(otherwise if len(otherwise) <= LONGEST else otherwise[: LONGEST - 1] + "…")


def write(rows: Sequence[Tried], seed: int, path: Path) -> None:
    """One JSON object a line, anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"seed": seed, **asdict(row)}) + "\n" for row in rows))


def show(rows: Sequence[Tried], console: Console, title: str) -> None:
    """The table for people, and below it what was found."""
    table = Table(title=title)
    for column in ("part", "what was tried", "how many", "found", "note"):
        table.add_column(column, justify="right" if column in {"how many", "found"} else "left")
    for row in rows:
        found = f"[red]{len(row.found)}[/red]" if row.found else "[green]0[/green]"
        table.add_row(row.part, escape(row.what), f"{row.count:,}", found, escape(row.note))
    console.print(table)
    for row in rows:
        for line in row.found[:SHOWN]:
            console.print(f"[red]✗[/red] {row.part}, {escape(row.what)}: {escape(line)}")
        if len(row.found) > SHOWN:
            console.print(f"  … and {len(row.found) - SHOWN} more in fuzz.jsonl")
