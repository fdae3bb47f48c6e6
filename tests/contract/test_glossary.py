"""The glossary has one term a line in alphabetical order, and the names in it exist in the code."""

import re

from deploy.site import PROJECT

TERMS = [line for line in (PROJECT / "docs" / "glossary.md").read_text().splitlines() if line.startswith("*")]
NAME = re.compile(r"`(?:GET )?([^`]+)`")


def code() -> str:
    """The source of all services and of the shared package."""
    return "\n".join(
        path.read_text() for part in ("shared", "services") for path in (PROJECT / part).rglob("*.py")
    )


def missing_names(terms: list[str], source: str) -> list[str]:
    return sorted(
        {name for term in terms for name in NAME.findall(term) if name not in source} - {"code", "C-1042"}
    )


def test_the_terms_are_in_alphabetical_order_one_a_line() -> None:
    terms = [re.match(r"\* \*\*(.+?)\*\*.*: \S", line) for line in TERMS]
    words = [found[1].casefold() for found in terms if found]
    assert len(words) == len(TERMS) > 80
    assert words == sorted(words)


def test_the_names_in_the_glossary_exist_in_the_code() -> None:
    assert missing_names(TERMS, code()) == []


def test_a_name_that_does_not_exist_in_the_code_is_found() -> None:
    assert missing_names(["* **a**: `is_gone` and `due_at`"], "due_at") == ["is_gone"]
