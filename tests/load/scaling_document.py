"""Where the scaling model's figures are kept and shown: scaling.toml, and the marked places of docs/scaling.md."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from deploy.site import PROJECT
from tests.load.__main__ import FULL, QUICK, SHORT

FIGURES = Path(__file__).with_name("scaling.toml")
DOCUMENT = PROJECT / "docs" / "scaling.md"
COMMENTS = 30  # the column of scaling.toml in which comments begin


def described(run: Path) -> str:
    """A bench run in words: its size, machine, day and the code that it ran, by what was committed when it ended."""
    figures, ended = run.read_text(), run.stat().st_mtime
    sizes = {"full": FULL, "quick": QUICK, "short": SHORT}
    size = next(
        (name for name, of in sizes.items() if f'growth_history_{of.histories[-1][0]}"' in figures), "partial"
    )
    day = datetime.fromtimestamp(ended, UTC)
    git = shutil.which("git") or "git"
    asked = [git, "log", "-1", "--format=%h", f"--before=@{ended:.0f}", "--", "services", "shared"]
    found = subprocess.run(asked, cwd=PROJECT, check=False, capture_output=True, text=True)
    commit = found.stdout.strip() or "unknown"
    return f"a {size} bench run of {day:%-d %B %Y} on {os.cpu_count()} cores, commit {commit}"


def with_figures(text: str, run: str, bench: Mapping[str, float]) -> str:
    """scaling.toml's `text` with these figures under [bench]; comments stay."""
    for name, value in bench.items():
        found = f"{name} = {float(f'{value:.4g}')}"
        line = re.compile(rf"^{re.escape(name)} = [^#\n]*?[ ]*(#.*)?$", re.MULTILINE)
        text = line.sub(lambda old, found=found: _beside(found, old[1]), text, count=1)
    return re.sub(r"^run = .*$", f'run = "{run}"', text, count=1, flags=re.MULTILINE)


def _beside(found: str, comment: str | None) -> str:
    return f"{found:<{COMMENTS - 1}} {comment}" if comment else found


def with_shown(text: str, shown: Mapping[str, str]) -> str:
    """A document's `text` with each of `shown` between the comments that have its name. Raises LookupError."""
    for name, put in shown.items():
        place = re.compile(rf"(<!-- {name} -->\n\n).*?(\n\n<!-- /{name} -->)", re.DOTALL)
        text, count = place.subn(lambda old, put=put: old[1] + put + old[2], text)
        if count != 1:
            message = f"{count} places for {name}"
            raise LookupError(message)
    return text


def keep(run: Path, bench: Mapping[str, float]) -> None:
    """Keeps a run's figures in scaling.toml."""
    FIGURES.write_text(with_figures(FIGURES.read_text(), described(run), bench))


def origin(run: str) -> str:
    """The document's line on where its figures are from."""
    return f"Figures of {run}."


def show(run: str, tables: Mapping[str, str]) -> None:
    """Puts the tables into docs/scaling.md, and where they are from."""
    DOCUMENT.write_text(with_shown(DOCUMENT.read_text(), {"run": origin(run), **tables}))
