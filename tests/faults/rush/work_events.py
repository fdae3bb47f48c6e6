"""Checks the `work` topic of a rush: whether the events of each work item are a possible history."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from antiphon.contracts.envelope import decode
from antiphon.contracts.work import (
    WorkAccepted,
    WorkCompleted,
    WorkDeclined,
    WorkOffered,
    WorkOfferTimedOut,
    WorkQueued,
    WorkRequeued,
)
from tests.faults.result import FaultResult

STATE_EVENTS = (
    WorkQueued,
    WorkOffered,
    WorkAccepted,
    WorkDeclined,
    WorkOfferTimedOut,
    WorkRequeued,
    WorkCompleted,
)
# By event: the states in which the item may be before it, and the state after it.
TRANSITIONS: dict[type[Any], tuple[Collection[str | None], str]] = {
    WorkQueued: ({None}, "queued"),
    WorkOffered: ({"queued"}, "offered"),
    WorkAccepted: ({"offered"}, "accepted"),
    WorkDeclined: ({"offered"}, "queued"),
    WorkOfferTimedOut: ({"offered"}, "queued"),
    WorkRequeued: ({"offered", "accepted"}, "queued"),
    WorkCompleted: ({"queued", "offered", "accepted"}, "completed"),
}


class Histories(NamedTuple):
    """By work item its last state and its case; and the pairs of agent and accepted item."""

    state: dict[UUID, str]
    case_of: dict[UUID, UUID]
    accepted: set[tuple[str, UUID]]


def read(records: Iterable[Any], result: FaultResult) -> Histories:
    """Follows every item and counts impossible events in `result`. A record that a killed relay sent twice is one event."""
    histories = Histories({}, {}, set())
    seen: set[str] = set()
    offered_to: dict[UUID, str] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        envelope, event = decode(record.headers, record.value)
        if envelope.id in seen or not isinstance(event, STATE_EVENTS):
            continue
        seen.add(envelope.id)
        item = event.work.work_item_id
        histories.case_of[item] = event.work.case_id
        before, after = TRANSITIONS[type(event)]
        if histories.state.get(item) not in before:
            result.doubled += 1
            result.notes.append(f"{item} was {histories.state.get(item)} before {event.type}")
        histories.state[item] = after
        if isinstance(event, WorkOffered):
            offered_to[item] = event.offer.agent_id
        if isinstance(event, WorkAccepted):
            histories.accepted.add((event.offer.agent_id, item))
            if offered_to.get(item) != event.offer.agent_id:
                result.doubled += 1
                result.notes.append(
                    f"{item} was offered to {offered_to.get(item)} and accepted by {event.offer.agent_id}"
                )
    return histories
