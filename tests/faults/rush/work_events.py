"""What the `work` topic tells of a rush: each item's story by itself, and whether it can be true."""

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
from tests.faults.found import Found

STORY = (WorkQueued, WorkOffered, WorkAccepted, WorkDeclined, WorkOfferTimedOut, WorkRequeued, WorkCompleted)
# Where an item may be when an event is told of it, and where it is then.
FROM_TO: dict[type[Any], tuple[Collection[str | None], str]] = {
    WorkQueued: ({None}, "queued"),
    WorkOffered: ({"queued"}, "offered"),
    WorkAccepted: ({"offered"}, "accepted"),
    WorkDeclined: ({"offered"}, "queued"),
    WorkOfferTimedOut: ({"offered"}, "queued"),
    WorkRequeued: ({"offered", "accepted"}, "queued"),
    WorkCompleted: ({"queued", "offered", "accepted"}, "completed"),
}


class Told(NamedTuple):
    """The stories: by item where it stands, its case, and who accepted which item."""

    state: dict[UUID, str]
    case_of: dict[UUID, UUID]
    accepted: set[tuple[str, UUID]]


def read(records: Iterable[Any], found: Found) -> Told:
    """Follows every item; what can't be is counted. A record that a killed relay sent again is one event."""
    told = Told({}, {}, set())
    seen: set[str] = set()
    offered_to: dict[UUID, str] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        envelope, event = decode(record.headers, record.value)
        if envelope.id in seen or not isinstance(event, STORY):
            continue
        seen.add(envelope.id)
        item = event.work.work_item_id
        told.case_of[item] = event.work.case_id
        before, after = FROM_TO[type(event)]
        if told.state.get(item) not in before:
            found.doubled += 1
            found.notes.append(f"{item} was {told.state.get(item)}, and then {event.type}")
        told.state[item] = after
        if isinstance(event, WorkOffered):
            offered_to[item] = event.offer.agent_id
        if isinstance(event, WorkAccepted):
            told.accepted.add((event.offer.agent_id, item))
            if offered_to.get(item) != event.offer.agent_id:
                found.doubled += 1
                found.notes.append(
                    f"{item} was offered to {offered_to.get(item)}, {event.offer.agent_id} has it"
                )
    return told
