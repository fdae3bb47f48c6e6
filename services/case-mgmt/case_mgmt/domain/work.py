"""What a case shows of routing's work on it: a copy, which older news never changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from antiphon.contracts.work import (
    Offer,
    SlaBreached,
    SlaMet,
    WorkAccepted,
    WorkDeclined,
    WorkEvent,
    WorkOffered,
    WorkOfferTimedOut,
    WorkState,
)


@dataclass(frozen=True)
class Place:
    """Where an event of work stands among the others of its case: in the log, and by routing's clock."""

    as_of: datetime
    event_partition: int
    event_offset: int

    def is_before(self, other: "Place") -> bool:
        """Whether this one is older: by its time and, within one partition, by its offset too.

        Replicas whose clocks differ write times that go back, and a log that was set up anew has offsets that do: one of
        the two alone proves nothing.
        """
        same_log = self.event_partition == other.event_partition
        return self.as_of < other.as_of and (not same_log or self.event_offset < other.event_offset)


@dataclass(frozen=True)
class Work:
    """The newest work item of a case as its events state it, and the place of the newest of them.

    `work_item_id` is unknown where the copy is older than the field.
    """

    case_id: UUID
    work_item_id: UUID | None
    work_state: str
    queue: str | None
    assignee: str | None
    assignee_name: str | None
    due_at: datetime | None
    breached: Sequence[str]  # the targets whose promise is broken and not made good
    place: Place


def followed(before: Work | None, event: WorkEvent, place: Place) -> Work:
    """The copy once an event is applied that is not before it. Of an item that ended before this one, only its clocks count."""
    work = event.work
    breached = _breached(before.breached if before else (), event)
    accepted, done = work.state == WorkState.ACCEPTED, work.state == WorkState.COMPLETED
    if (
        before
        and done
        and before.work_state != WorkState.COMPLETED
        and _is_another(before, work.work_item_id)
    ):
        return replace(before, breached=breached, place=place)
    kept = before.assignee_name if before and before.assignee == work.agent_id else None
    offer = _offer(event)
    name = offer.agent_name if offer is not None and offer.agent_id == work.agent_id else kept
    return Work(
        case_id=work.case_id,
        work_item_id=work.work_item_id,
        work_state=work.state,
        queue=None if done else work.queue,
        assignee=work.agent_id if accepted else None,
        assignee_name=name if accepted else None,
        due_at=None if done else work.due_at,
        breached=breached,
        place=place,
    )


def _is_another(before: Work, work_item_id: UUID) -> bool:
    return before.work_item_id is not None and before.work_item_id != work_item_id


def _offer(event: WorkEvent) -> Offer | None:
    match event:
        case WorkOffered() | WorkAccepted() | WorkDeclined() | WorkOfferTimedOut():
            return event.offer
        case _:
            return None


def _breached(before: Sequence[str], event: WorkEvent) -> Sequence[str]:
    """The targets of a case that are breached: each until it is met, however late."""
    match event:
        case SlaBreached():
            return sorted({*before, event.clock.target})
        case SlaMet():
            return [target for target in before if target != event.clock.target]
        case _:
            return list(before)
