"""Writes the figures of the scaling model into scaling.toml, and its tables into the marked places of docs/scaling.md."""

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
    """A bench run in words: its size, its day, the cores of this machine, and the last commit before its end."""
    figures, ended = run.read_text(), run.stat().st_mtime
    sizes = {"full": FULL, "quick": QUICK, "short": SHORT}
    size = next(
        (name for name, of in sizes.items() if f'growth_history_{of.histories[-1][0]}"' in figures), "partial"
    )
    day = datetime.fromtimestamp(ended, UTC)
    git = shutil.which("git") or "git"
    command = [git, "log", "-1", "--format=%h", f"--before=@{ended:.0f}", "--", "services", "shared"]
    log = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    commit = log.stdout.strip() or "unknown"
    return f"a {size} bench run of {day:%-d %B %Y} on {os.cpu_count()} cores, commit {commit}"


def with_figures(text: str, run: str, bench: Mapping[str, float]) -> str:
    """The `text` of scaling.toml with these figures in [bench]; comments stay."""
    for name, value in bench.items():
        entry = f"{name} = {float(f'{value:.4g}')}"
        line = re.compile(rf"^{re.escape(name)} = [^#\n]*?[ ]*(#.*)?$", re.MULTILINE)
        text = line.sub(lambda old, entry=entry: _with_comment(entry, old[1]), text, count=1)
    return re.sub(r"^run = .*$", f'run = "{run}"', text, count=1, flags=re.MULTILINE)


def _with_comment(entry: str, comment: str | None) -> str:
    return f"{entry:<{COMMENTS - 1}} {comment}" if comment else entry


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """The `text` of a document with each table between the comments with its name. Raises LookupError when these are missing."""
    for name, table in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n\n).*?(\n\n<!-- /{name} -->)", re.DOTALL)
        text, count = place.subn(lambda old, table=table: old[1] + table + old[2], text)
        if count != 1:
            message = f"the document has {count} places for {name}"
            raise LookupError(message)
    return text


def keep(run: Path, bench: Mapping[str, float]) -> None:
    """Writes the figures of a run into scaling.toml."""
    FIGURES.write_text(with_figures(FIGURES.read_text(), described(run), bench))


def origin(run: str) -> str:
    """The line of the document that says which run its figures are from."""
    return f"Figures of {run}."


def show(run: str, tables: Mapping[str, str]) -> None:
    """Writes the tables and the origin of their figures into docs/scaling.md."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), {"run": origin(run), **tables}))
