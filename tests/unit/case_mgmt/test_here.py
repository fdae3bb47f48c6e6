"""Who is on a case: what is written and what is published when a person reports what they do."""

from datetime import UTC, datetime, timedelta

import pytest

from case_mgmt.domain.here import TTL, PersonHere, reported

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def person(name: str, doing: str, ago: int) -> PersonHere:
    """Who said so some seconds ago."""
    return PersonHere(name, name, doing, NOW - timedelta(seconds=ago) + TTL)


@pytest.mark.parametrize(
    ("stored", "doing", "people", "is_written", "is_shown"),
    [
        ([], "reading", {"me": "reading"}, True, True),
        ([("me", "reading", 3)], "reading", {"me": "reading"}, False, False),
        ([("me", "reading", 10)], "reading", {"me": "reading"}, True, False),
        ([("me", "reading", 30)], "reading", {"me": "reading"}, True, False),
        ([("me", "reading", 3)], "writing", {"me": "writing"}, True, True),
        ([("me", "writing", 3)], "gone", {}, True, True),
        ([], "gone", {}, False, False),
        ([("you", "writing", 9)], "reading", {"me": "reading", "you": "writing"}, True, True),
        ([("me", "reading", 3), ("you", "writing", 9)], "reading", {"me": "reading", "you": "writing"}, False, False),
        ([("me", "reading", 3), ("you", "writing", 20)], "reading", {"me": "reading"}, True, True),
        ([("me", "reading", 3), ("you", "writing", 21)], "gone", {}, True, True),
    ],
)  # fmt: skip
def test_what_is_written_and_published_when_a_person_says_what_they_do(
    stored: list[tuple[str, str, int]],
    doing: str,
    people: dict[str, str],
    *,
    is_written: bool,
    is_shown: bool,
) -> None:
    here = reported([person(*one) for one in stored], person("me", doing, 0), NOW)
    assert {one.person_id: one.doing for one in here.people} == people
    assert (here.is_written, here.is_shown) == (is_written, is_shown)
