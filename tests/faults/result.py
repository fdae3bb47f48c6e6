"""The result of a fault: counts that must be zero and the time to recover; as a table for people and JSON lines for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

RECOVERY_S = 10.0
COUNTS = (
    "lost",
    "doubled",
    "out_of_order",
    "wrong_customer",
    "unanswered",
    "dead_letters",
    "disagreements",
    "crashes",
    "misplaced",
    "deadlocks",
)


@dataclass
class FaultResult:
    """The result of one fault: `sent` messages were accepted, after `resent` repeated attempts; agents wrote `answers`.

    `crashes` are processes that ended without being killed. `misplaced` is work with an agent who has no free capacity for it,
    lacks a skill or is offline. `skipped` says why this machine does not allow the fault.
    """

    fault: str
    seed: int
    sent: int = 0
    resent: int = 0
    answers: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    wrong_customer: int = 0
    unanswered: int = 0
    dead_letters: int = 0
    disagreements: int = 0
    crashes: int = 0
    misplaced: int = 0
    deadlocks: int = 0
    recovery_s: float | None = None
    per_second: float = 0
    seconds: float = 0
    skipped: str | None = None
    notes: list[str] = field(default_factory=list[str])

    @property
    def wrong(self) -> int:
        """The sum of the counts that must be zero."""
        return sum(int(getattr(self, name)) for name in COUNTS)

    def line(self) -> str:
        """The result in one line for people."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        what = ", ".join(
            f"{getattr(self, name)} {name.replace('_', ' ')}" for name in COUNTS if getattr(self, name)
        )
        took = "" if self.recovery_s is None else f", recovered after {self.recovery_s:.1f} s"
        return f"{self.sent:,} sent, {self.answers} answered, {what or 'nothing wrong'}{took}"


def write(results: Sequence[FaultResult], path: Path) -> None:
    """Writes one JSON object a line; overwrites the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(f), "note": "; ".join(f.notes)} for f in results]
    path.write_text(
        "".join(json.dumps({k: v for k, v in row.items() if k != "notes"}) + "\n" for row in rows)
    )


def show(results: Sequence[FaultResult], console: Console, title: str) -> None:
    """Prints the table for people."""
    table = Table(title=title)
    table.add_column("fault")
    for column in ("sent", "resent", "answers", *(name.replace("_", " ") for name in COUNTS), "recovery"):
        table.add_column(column, justify="right")
    table.add_column("note", overflow="fold")
    for f in results:
        if f.skipped:
            table.add_row(f.fault, *[""] * (len(COUNTS) + 4), f"skipped: {f.skipped}")
            continue
        counts = [
            f"[red]{n}[/red]" if (n := int(getattr(f, name))) else "[green]0[/green]" for name in COUNTS
        ]
        table.add_row(
            f.fault,
            f"{f.sent:,}",
            f"{f.resent:,}",
            f"{f.answers:,}",
            *counts,
            _recovery(f),
            "; ".join(f.notes),
        )
    console.print(table)


def _recovery(f: FaultResult) -> str:
    if f.recovery_s is None:
        return ""
    mark = ""
    if kills_a_service(f.fault):
        mark = " [green]✓[/green]" if f.recovery_s <= RECOVERY_S else " [red]✗[/red]"
    return f"{f.recovery_s:.1f} s{mark}"


def kills_a_service(fault: str) -> bool:
    """Whether the fault has the target `RECOVERY_S`, which is shown and never fails a run."""
    return fault.startswith("kill-") and fault not in {"kill-postgres", "kill-kafka", "kill-leader"}
