"""The checks of a rush find each kind of error: each test makes one error in data that is correct."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from antiphon.contracts import generate
from antiphon.contracts.envelope import encode
from antiphon.contracts.topics import EVENTS
from antiphon.process.clock import utc_now
from tests.faults.result import FaultResult
from tests.faults.rush.invariants import violations_of
from tests.faults.rush.organisation import Agent
from tests.faults.rush.work_events import Histories, read

EMPLOYED = {
    "ada": Agent(frozenset({"rates"}), {"rates": 5}, 2),
    "bo": Agent(frozenset({"roads"}), {"rates": 9}, 1),
}
CORRECT = {
    "work_item_id": UUID(int=1), "case_id": UUID(int=2), "state": "offered", "agent_id": "ada", "queue": "rates",
    "also_queues": [], "skills": '{"rates": 3}', "units": 1, "presence": "available", "offer_id": UUID(int=3),
    "offered_to": "ada", "since": 1.0,
}  # fmt: skip


def test_correctly_assigned_work_is_no_violation() -> None:
    accepted = CORRECT | {"state": "accepted", "offer_id": None, "offered_to": None}
    assert violations_of([CORRECT, accepted], EMPLOYED) == []
    assert violations_of([accepted | {"units": 5}], EMPLOYED) == []  # it takes all units of the agent


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"skills": '{"rates": 6}'}, "lacks"),
        ({"queue": "roads"}, "of roads is with"),
        ({"presence": "offline"}, "who is offline"),
        ({"offered_to": "bo"}, "offered to bo"),
        ({"offer_id": None}, "its offer None"),
        ({"state": "queued", "agent_id": None, "offered_to": None}, "is queued, its offer"),
    ],
)
def test_each_wrong_assignment_is_a_violation(changed: dict[str, Any], expected: str) -> None:
    (wrong,) = violations_of([CORRECT | changed], EMPLOYED)
    assert expected in wrong


def test_more_units_than_the_agents_capacity_are_a_violation() -> None:
    assert violations_of([CORRECT] * 3, EMPLOYED) == ["ada holds [1, 1, 1] of 2 units"]


class Record(NamedTuple):
    """A record as Kafka gives it."""

    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes


def history(*steps: tuple[str, str | None]) -> tuple[FaultResult, Histories]:
    """Reads the events of one item, each with its agent."""
    item, records = uuid4(), list[Record]()
    for place, (what, agent) in enumerate(steps):
        kind = EVENTS[f"work.{what}.v1"]
        event: Any = kind.model_validate(generate.example(kind.type)["data"])
        event = event.model_copy(update={"work": event.work.model_copy(update={"work_item_id": item})})
        if agent is not None:
            event = event.model_copy(update={"offer": event.offer.model_copy(update={"agent_id": agent})})
        sent = encode(event, source="routing", time=utc_now())
        headers = [(name, value.encode()) for name, value in sent.headers.items()]
        # Each record twice, as a killed relay sends it.
        records += [Record(0, place * 2 + n, headers, sent.value) for n in (0, 1)]
    result = FaultResult("a rush", seed=1)
    return result, read(records, result)


def test_a_possible_history_has_no_error_and_shows_who_accepted_the_work() -> None:
    result, histories = history(
        ("queued", None), ("offered", "ada"), ("declined", "ada"), ("offered", "bo"), ("accepted", "bo"), ("completed", None)
    )  # fmt: skip
    assert (result.wrong, [*histories.state.values()]) == (0, ["completed"])
    assert {agent for agent, _ in histories.accepted} == {"bo"}


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
def test_an_impossible_history_is_counted(steps: list[tuple[str, str | None]]) -> None:
    assert history(*steps)[0].doubled == 1
