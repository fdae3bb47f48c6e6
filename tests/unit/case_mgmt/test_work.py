"""What a case's copy of routing's work is after an event."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts import generate
from antiphon.contracts.topics import EVENTS
from antiphon.contracts.work import (
    SlaBreached,
    SlaMet,
    SlaTarget,
    WorkAccepted,
    WorkCompleted,
    WorkEvent,
    WorkQueued,
    WorkTransferred,
)
from case_mgmt.domain.work import EventPosition, Work, updated

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
FIRST, SECOND = UUID(int=1), UUID(int=2)
POSITIONS = st.builds(
    EventPosition,
    st.integers(0, 3).map(lambda n: NOW + timedelta(seconds=n)),
    st.integers(0, 1),
    st.integers(0, 3),
    st.integers(1, 2),
)


def event(kind: str, state: str, item: UUID = FIRST, agent: str | None = None, **more: object) -> WorkEvent:
    made = EVENTS[kind].model_validate(generate.example(kind)["data"])
    assert isinstance(made, WorkEvent)
    facts = {"state": state, "work_item_id": item, "agent_id": agent}
    return made.model_copy(update={"work": made.work.model_copy(update=facts), **more})


def clock(kind: type[SlaBreached | SlaMet], target: str, state: str, item: UUID = FIRST) -> WorkEvent:
    made = event(kind.type, state, item)
    assert isinstance(made, SlaBreached | SlaMet)
    return made.model_copy(update={"clock": made.clock.model_copy(update={"target": target})})


def after(*events: WorkEvent) -> Work:
    copy: Work | None = None
    for number, one in enumerate(events):
        copy = updated(copy, one, EventPosition(NOW, 0, number))
    assert copy is not None
    return copy


QUEUED = event(WorkQueued.type, "queued")
ACCEPTED = event(WorkAccepted.type, "accepted", agent="amara")
COMPLETED = event(WorkCompleted.type, "completed")
AGAIN = event(WorkQueued.type, "queued", SECOND)


@pytest.mark.parametrize(
    ("events", "state", "agent_id", "name", "is_in_queue"),
    [
        ([QUEUED], "queued", None, None, True),
        ([QUEUED, ACCEPTED], "accepted", "amara", "Amara Osei", True),
        # Only the event of the offer has the agent's name.
        ([ACCEPTED, event("work.reprioritised.v1", "accepted", agent="amara")], "accepted", "amara", "Amara Osei", True),
        ([ACCEPTED, event(WorkTransferred.type, "accepted", agent="grace")], "accepted", "grace", None, True),
        ([ACCEPTED, QUEUED], "queued", None, None, True),
        ([ACCEPTED, COMPLETED], "completed", None, None, False),
        ([ACCEPTED, COMPLETED, AGAIN], "queued", None, None, True),
        # The clock of an item that ended is met while the next one waits.
        ([COMPLETED, AGAIN, clock(SlaMet, "resolution", "completed")], "queued", None, None, True),
        ([AGAIN, COMPLETED], "queued", None, None, True),
        # An item without an event of its end gives way to the next one.
        ([ACCEPTED, AGAIN], "queued", None, None, True),
        ([AGAIN, event(WorkCompleted.type, "completed", SECOND)], "completed", None, None, False),
    ],
)  # fmt: skip
def test_the_copy_is_the_newest_work_item_as_its_newest_event_states_it(
    events: list[WorkEvent], state: str, agent_id: str | None, name: str | None, *, is_in_queue: bool
) -> None:
    copy = after(*events)
    assert (copy.work_state, copy.agent_id, copy.agent_name) == (state, agent_id, name)
    assert (copy.queue is not None, copy.due_at is not None) == (is_in_queue, is_in_queue)
    assert copy.position == EventPosition(NOW, 0, len(events) - 1)


def test_a_target_is_breached_until_it_is_met_in_whichever_work_item() -> None:
    breached = clock(SlaBreached, SlaTarget.RESOLUTION, "queued")
    late = clock(SlaBreached, SlaTarget.NEXT_RESPONSE, "completed")
    assert after(breached, COMPLETED, AGAIN, late).breached == ["next-response", "resolution"]
    met = clock(SlaMet, SlaTarget.RESOLUTION, "completed")
    assert after(breached, COMPLETED, AGAIN, late, met).breached == ["next-response"]


@given(POSITIONS, POSITIONS, POSITIONS)
def test_event_positions_have_a_strict_order(
    one: EventPosition, two: EventPosition, three: EventPosition
) -> None:
    assert not one.is_before(one)
    assert not (one.is_before(two) and two.is_before(one))
    if len({one.event_partition, two.event_partition, three.event_partition}) == 1:
        assert one.is_before(three) or not (one.is_before(two) and two.is_before(three))


@given(POSITIONS, POSITIONS)
def test_of_one_revision_a_later_offset_is_never_before_an_earlier_one(
    one: EventPosition, two: EventPosition
) -> None:
    is_same = (one.event_partition, one.event_revision) == (two.event_partition, two.event_revision)
    if is_same and one.event_offset >= two.event_offset:
        assert not one.is_before(two)


@given(POSITIONS, POSITIONS)
def test_a_lower_revision_is_older_whatever_its_time_and_offset(
    one: EventPosition, two: EventPosition
) -> None:
    if one.event_revision != two.event_revision:
        assert one.is_before(two) == ((one.event_revision or 0) < (two.event_revision or 0))
