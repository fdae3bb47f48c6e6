"""Where an explicit Any is allowed: the type checker's settings say so, file by file, and the list only shrinks."""

import ast
import tomllib
from pathlib import Path
from typing import Any

from deploy.site import PROJECT

STRICT = {"services/routing", "services/case-mgmt", "services/customer-profile", "services/ingest-direct"}
AT_MOST = 7
"""Files that may say Any. Who takes one from the list makes this less; nobody makes it more."""


def environments() -> list[dict[str, Any]]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    return settings["executionEnvironments"]


def says_any(path: Path) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(path.read_text()))
    )


def test_an_explicit_any_is_an_error_in_these_services_but_in_the_listed_files() -> None:
    found = environments()
    assert {one["root"] for one in found if one["reportExplicitAny"] == "error"} == STRICT
    assert all((PROJECT / one["root"]).is_file() for one in found if one["root"] not in STRICT)
    # The first entry that holds a file counts.
    assert {one["root"] for one in found[-len(STRICT) :]} == STRICT


def test_each_file_that_is_listed_says_any_and_there_are_no_more_of_them() -> None:
    listed = [one["root"] for one in environments() if one["root"] not in STRICT]
    assert [path for path in listed if not says_any(PROJECT / path)] == []
    assert len(listed) == AT_MOST
