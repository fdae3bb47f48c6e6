"""The results of the attacks; as a table for people and JSON lines for programs."""

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
class AttackResult:
    """The result of one kind of attack: how often it was tried, and a line for each finding. There should be none."""

    part: str
    what: str
    count: int = 0
    findings: list[str] = field(default_factory=list[str])
    note: str = ""

    def expect(self, holds: bool, otherwise: str) -> None:
        """Counts one try; adds `otherwise` to the findings when the expectation does not hold."""
        self.count += 1
        if not holds:
            self.findings.append(otherwise if len(otherwise) <= LONGEST else otherwise[: LONGEST - 1] + "…")


def write(rows: Sequence[AttackResult], seed: int, path: Path) -> None:
    """Writes one JSON object a line; overwrites the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"seed": seed, **asdict(row)}) + "\n" for row in rows))


def show(rows: Sequence[AttackResult], console: Console, title: str) -> None:
    """Prints the table for people and the findings."""
    table = Table(title=title)
    for column in ("part", "what was tried", "how many", "findings", "note"):
        table.add_column(column, justify="right" if column in {"how many", "findings"} else "left")
    for row in rows:
        found = f"[red]{len(row.findings)}[/red]" if row.findings else "[green]0[/green]"
        table.add_row(row.part, escape(row.what), f"{row.count:,}", found, escape(row.note))
    console.print(table)
    for row in rows:
        for line in row.findings[:SHOWN]:
            console.print(f"[red]✗[/red] {row.part}, {escape(row.what)}: {escape(line)}")
        if len(row.findings) > SHOWN:
            console.print(f"  … and {len(row.findings) - SHOWN} more in fuzz.jsonl")
