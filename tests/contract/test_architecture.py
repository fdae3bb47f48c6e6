"""docs/architecture.md names every module of every package, and no other: a stranger finds the file for a change in its tables."""

import re

import pytest

from antiphon.service_names import PROCESSES
from deploy.site import PROJECT

DOCUMENT = PROJECT / "docs" / "architecture.md"
FOLDERS = {
    "shared/antiphon": "shared/antiphon/",
    **{name: f"services/{name}/{name.replace('-', '_')}/" for name in PROCESSES},
}
# The page says once what these hold, since every service has them.
COMMON = {
    "settings.py",
    "consumer.py",
    "api/parameters.py",
    "api/counts.py",
    "api/changes.py",
    "store/base.py",
}
TOPIC = "contracts/<topic>.py"


def named_in(document: str, heading: str) -> set[str]:
    """The files in the first column of the tables below a heading."""
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^### |\Z)", document, re.MULTILINE | re.DOTALL)
    assert section is not None, f"no section {heading}"
    rows = re.findall(r"^\|(.*?)\|", section[1], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+\.py)`", row)}


def modules_of(folder: str) -> set[str]:
    """The modules of a package, but for `__init__`, `__main__` and its migrations."""
    paths = (path.relative_to(PROJECT / folder).as_posix() for path in (PROJECT / folder).rglob("*.py"))
    return {path for path in paths if "__" not in path and "migrations/" not in path}


@pytest.mark.parametrize("heading", FOLDERS)
def test_the_page_names_every_module_and_no_other(heading: str) -> None:
    modules, named = modules_of(FOLDERS[heading]), named_in(DOCUMENT.read_text(), heading)
    assert {name for name in named - modules if name != TOPIC} == set()
    topics = {name for name in modules if name.startswith("contracts/")} if TOPIC in named else set[str]()
    assert modules - named - COMMON - topics == set()


def test_a_line_of_the_page_has_at_most_120_characters() -> None:
    assert [line for line in DOCUMENT.read_text().splitlines() if len(line) > 120] == []


def test_files_are_read_from_the_first_column_below_their_heading() -> None:
    page = "### a\n\n| `x.py`, `y/z.py` | not `no.py` |\n\n### b\n| `other.py` | it |\n"
    assert named_in(page, "a") == {"x.py", "y/z.py"}
    assert named_in(page, "b") == {"other.py"}
