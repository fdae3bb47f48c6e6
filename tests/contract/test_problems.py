"""Each error has a kind, each kind is raised somewhere, and their page shows all."""

import ast
import re
from collections.abc import Iterator

import pytest

from antiphon.http.problem_kinds import BY_STATUS, Kind
from deploy import problems_document
from deploy.site import PROJECT

SOURCES = {
    path.relative_to(PROJECT): path.read_text()
    for folder in ("shared", "services")
    for path in sorted((PROJECT / folder).rglob("*.py"))
}


def calls(source: str, name: str) -> Iterator[ast.Call]:
    """The calls of a function or class of this name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def kinds_named(node: ast.AST) -> set[str]:
    """The kinds that are named under a node, as `Kind.NOT_FOUND`."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "Kind"
    }


def test_the_page_of_problems_shows_every_kind() -> None:
    assert problems_document.DOCUMENT.read_text() == problems_document.document(), "make problems"


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_has_an_error_status_a_title_and_a_meaning(kind: Kind) -> None:
    assert re.fullmatch(r"urn:antiphon:problem:[a-z0-9]+(-[a-z0-9]+)*", kind.type)
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.value.meaning.endswith(".")


def test_no_two_kinds_have_one_title() -> None:
    assert len({kind.title for kind in Kind}) == len(Kind)


def test_every_problem_that_the_code_raises_names_its_kind() -> None:
    unnamed = [
        f"{path}:{call.lineno}"
        for path, source in SOURCES.items()
        for call in calls(source, "Problem")
        if not kinds_named(call.args[0]) and ast.unparse(call.args[0]) != "kind"
    ]
    assert unnamed == []


def test_every_kind_is_raised_somewhere() -> None:
    raised = {
        name
        for source in SOURCES.values()
        for call in calls(source, "Problem")
        for name in kinds_named(call.args[0])
    }
    of_the_framework = {kind.name for kind in BY_STATUS.values()}
    assert {kind.name for kind in Kind} - raised - of_the_framework == set()


def test_no_route_raises_an_error_past_the_kinds() -> None:
    services = {path: source for path, source in SOURCES.items() if path.parts[0] == "services"}
    assert [path for path, source in services.items() if any(calls(source, "HTTPException"))] == []
