"""A case's copy of routing's work on it. An older event never replaces a newer one."""

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
from case_mgmt.domain.cases import Case


@dataclass(frozen=True)
class EventPosition:
    """Where an event of work is among the others of its case: the revision of the work, its time, and its place in the log."""

    event_at: datetime
    event_partition: int
    event_offset: int
    event_revision: int | None = None

    def is_before(self, other: "EventPosition") -> bool:
        """Whether this position is older: by the revision; of one revision, by its time and, within one partition, its offset.

        Time or offset alone prove nothing. Replicas whose clocks differ write times that go back. A log that was created anew
        begins its offsets anew, and an event that was parked comes late.
        """
        one, two = self.event_revision, other.event_revision
        if one is not None and two is not None and one != two:
            return one < two
        is_same_log = self.event_partition == other.event_partition
        return self.event_at < other.event_at and (not is_same_log or self.event_offset < other.event_offset)


@dataclass(frozen=True)
class Work:
    """The newest work item of a case as its events state it, and the position of the newest of them."""

    case_id: UUID
    work_item_id: UUID
    work_state: str
    queue: str | None
    agent_id: str | None
    agent_name: str | None
    due_at: datetime | None
    breached: Sequence[str]  # the SLA targets that were missed and are not met since
    position: EventPosition


def lacks_work(case: Case, work: Work | None) -> bool:
    """Whether the work of a case is completed and no person has asked for more since. `work` is None where none has come yet.

    Work that the last change of the case asked for may be under way.
    """
    if work is None or work.work_state != WorkState.COMPLETED:
        return False
    opened_at = case.opened_by_person_at
    is_asked = case.asked_revision == case.revision
    return not (is_asked and opened_at is not None and opened_at > work.position.event_at)


def updated(before: Work | None, event: WorkEvent, position: EventPosition) -> Work:
    """The copy after an event that is not older than it. An item that ended before this one only changes SLA targets."""
    work = event.work
    breached = _breached(before.breached if before else (), event)
    is_accepted, is_completed = work.state == WorkState.ACCEPTED, work.state == WorkState.COMPLETED
    if (
        before
        and is_completed
        and before.work_state != WorkState.COMPLETED
        and before.work_item_id != work.work_item_id
    ):
        return replace(before, breached=breached, position=position)
    former_name = before.agent_name if before and before.agent_id == work.agent_id else None
    offer = _offer(event)
    name = offer.agent_name if offer is not None and offer.agent_id == work.agent_id else former_name
    return Work(
        case_id=work.case_id,
        work_item_id=work.work_item_id,
        work_state=work.state,
        queue=None if is_completed else work.queue,
        agent_id=work.agent_id if is_accepted else None,
        agent_name=name if is_accepted else None,
        due_at=None if is_completed else work.due_at,
        breached=breached,
        position=position,
    )


def _offer(event: WorkEvent) -> Offer | None:
    match event:
        case WorkOffered() | WorkAccepted() | WorkDeclined() | WorkOfferTimedOut():
            return event.offer
        case _:
            return None


def _breached(before: Sequence[str], event: WorkEvent) -> Sequence[str]:
    """The targets of a case that are breached. A target is, until it is met, however late."""
    match event:
        case SlaBreached():
            return sorted({*before, event.clock.target})
        case SlaMet():
            return [target for target in before if target != event.clock.target]
        case _:
            return list(before)
