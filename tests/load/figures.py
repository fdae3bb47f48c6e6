"""The measured figures with their baselines and targets; as a table for people and JSON lines for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured value. `baseline` was measured in the same run.

    `target` is a bound such as `>= 0.15`: of the ratio when there is a baseline, else of the value.
    """

    figure: str
    value: float
    unit: str
    baseline: float | None = None
    target: str | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value ÷ baseline; None without a baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        sign, bound = self.target.split()
        measured = self.value if self.ratio is None else self.ratio
        return measured >= float(bound) if sign == ">=" else measured <= float(bound)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Writes one JSON object a line; overwrites the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(f), "ratio": f.ratio, "reached": f.reached} for f in figures]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def show(figures: Sequence[Figure], console: Console, title: str) -> None:
    """Prints the table for people."""
    table = Table(title=title)
    for column in ("figure", "value", "unit", "baseline", "ratio", "target", "", "note"):
        numbers = column in {"value", "baseline", "ratio", "target"}
        table.add_column(column, justify="right" if numbers else "left", no_wrap=column != "note")
    marks = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: ""}
    for f in figures:
        table.add_row(
            f.figure, _number(f.value), f.unit, _number(f.baseline), _number(f.ratio), f.target or "", marks[f.reached],
            f.note,
        )  # fmt: skip
    console.print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
