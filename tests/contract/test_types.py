"""The type checker's settings list the files that may use an explicit Any, and the list only gets shorter."""

import ast
import tomllib
from pathlib import Path
from typing import Any

from deploy.site import PROJECT

STRICT = {
    "services/routing",
    "services/case-mgmt",
    "services/customer-profile",
    "services/ingest-direct",
    "services/desktop",
}
AT_MOST = 7
"""Files that may say Any. Who takes one from the list makes this less; nobody makes it more."""


def environments() -> list[dict[str, Any]]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    return settings["executionEnvironments"]


def uses_any(path: Path) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(path.read_text()))
    )


def test_an_explicit_any_is_an_error_in_these_services_but_in_the_listed_files() -> None:
    found = environments()
    assert {entry["root"] for entry in found if entry["reportExplicitAny"] == "error"} == STRICT
    assert all((PROJECT / entry["root"]).is_file() for entry in found if entry["root"] not in STRICT)
    # Of the entries that match a file the first one counts.
    assert {entry["root"] for entry in found[-len(STRICT) :]} == STRICT


def test_each_listed_file_uses_any_and_their_number_does_not_grow() -> None:
    listed = [entry["root"] for entry in environments() if entry["root"] not in STRICT]
    assert [path for path in listed if not uses_any(PROJECT / path)] == []
    assert len(listed) == AT_MOST
