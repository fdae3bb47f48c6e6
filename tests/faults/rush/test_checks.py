"""The judge of a rush finds what it is there to find: each test makes one thing wrong in what is right."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from antiphon.contracts import generate
from antiphon.contracts.envelope import encode
from antiphon.contracts.topics import EVENTS
from antiphon.process.clock import utc_now
from tests.faults.found import Found
from tests.faults.rush.crew import Member
from tests.faults.rush.story import Told, read
from tests.faults.rush.watch import wrongs

MEMBERS = {
    "ada": Member(frozenset({"rates"}), {"rates": 5}, 2),
    "bo": Member(frozenset({"roads"}), {"rates": 9}, 1),
}
RIGHT = {
    "work_item_id": UUID(int=1), "case_id": UUID(int=2), "state": "offered", "agent_id": "ada", "queue": "rates",
    "also_queues": [], "skills": '{"rates": 3}', "units": 1, "presence": "available", "offer_id": UUID(int=3),
    "offered_to": "ada", "since": 1.0,
}  # fmt: skip


def test_work_that_is_where_it_may_be_is_not_told_of() -> None:
    more = RIGHT | {"state": "accepted", "offer_id": None, "offered_to": None}
    assert wrongs([RIGHT, more], MEMBERS) == []
    assert wrongs([more | {"units": 5}], MEMBERS) == []  # all that they have


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"skills": '{"rates": 6}'}, "lacks"),
        ({"queue": "roads"}, "of roads is with"),
        ({"presence": "offline"}, "who is offline"),
        ({"offered_to": "bo"}, "offered to bo"),
        ({"offer_id": None}, "its offer None"),
        ({"state": "queued", "agent_id": None, "offered_to": None}, "is queued, its offer"),
    ],
)
def test_work_that_is_where_it_may_not_be_is_told_of(changed: dict[str, Any], told: str) -> None:
    (wrong,) = wrongs([RIGHT | changed], MEMBERS)
    assert told in wrong


def test_who_has_more_than_they_can_take_is_told_of() -> None:
    assert wrongs([RIGHT] * 3, MEMBERS) == ["ada holds [1, 1, 1] of 2 units"]


class Record(NamedTuple):
    """A record as Kafka gives it."""

    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes


def story(*steps: tuple[str, str | None]) -> tuple[Found, Told]:
    """The story of one item: what happened, and to whom."""
    item, records = uuid4(), list[Record]()
    for place, (what, agent) in enumerate(steps):
        kind = EVENTS[f"work.{what}.v1"]
        event: Any = kind.model_validate(generate.example(kind.type)["data"])
        event = event.model_copy(update={"work": event.work.model_copy(update={"work_item_id": item})})
        if agent is not None:
            event = event.model_copy(update={"offer": event.offer.model_copy(update={"agent_id": agent})})
        sent = encode(event, source="routing", time=utc_now())
        headers = [(name, value.encode()) for name, value in sent.headers.items()]
        # As a relay that was killed sends it again.
        records += [Record(0, place * 2 + n, headers, sent.value) for n in (0, 1)]
    found = Found("a rush", seed=1)
    return found, read(records, found)


def test_a_story_that_can_be_true_counts_nothing_and_says_who_had_the_work() -> None:
    found, told = story(
        ("queued", None), ("offered", "ada"), ("declined", "ada"), ("offered", "bo"), ("accepted", "bo"), ("completed", None)
    )  # fmt: skip
    assert (found.wrong, [*told.state.values()]) == (0, ["completed"])
    assert {agent for agent, _ in told.accepted} == {"bo"}


@pytest.mark.parametrize(
    "steps",
    [
        [("queued", None), ("offered", "ada"), ("offered", "bo")],
        [("queued", None), ("offered", "ada"), ("accepted", "bo")],
        [("queued", None), ("offered", "ada"), ("accepted", "ada"), ("accepted", "ada")],
        [("queued", None), ("completed", None), ("completed", None)],
        [("queued", None), ("offered", "ada"), ("accepted", "ada"), ("offered", "bo")],
        [("offered", "ada")],
    ],
)
def test_a_story_that_cannot_be_true_is_counted(steps: list[tuple[str, str | None]]) -> None:
    assert story(*steps)[0].doubled == 1
