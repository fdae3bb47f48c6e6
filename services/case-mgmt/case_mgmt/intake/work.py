"""What routing's work on a case does: the case keeps a copy of it."""

from dataclasses import replace

from antiphon.contracts.base import Actor, ActorKind, rfc3339
from antiphon.contracts.cases import StatusTrigger
from antiphon.contracts.work import WorkAccepted, WorkEvent, WorkHeld
from antiphon.kafka.consumer import NonRetryableError, Received
from case_mgmt.domain.acknowledgements import in_words as reason_in_words
from case_mgmt.domain.record import kind_of
from case_mgmt.domain.states import Trigger, in_words
from case_mgmt.domain.work import EventPosition, updated
from case_mgmt.intake.state import BatchState


def copy(state: BatchState, event: WorkEvent, received: Received, key: str) -> None:
    """Updates a case's copy of routing's work. The case itself changes only when an agent accepts the work.

    An event that is older than the copy, e.g. a replayed dead letter, is recorded and changes nothing else.

    Raises NonRetryableError for an unknown case.
    """
    trace = received.envelope.traceparent
    case = state.unit.cases.get(event.work.case_id)
    if case is None:
        raise NonRetryableError(f"{event.type} of case {event.work.case_id}, which does not exist here")
    position = EventPosition(
        received.envelope.time or state.unit.now, received.partition, received.offset, event.work.revision
    )
    before = state.unit.works.get(case.case_id)
    is_current = before is None or not position.is_before(before.position)
    if is_current:
        state.unit.put_work(updated(before, event, position))
    by = Actor(kind=ActorKind.SYSTEM, id="routing")
    if isinstance(event, WorkAccepted):
        by = Actor(kind=ActorKind.AGENT, id=event.offer.agent_id, name=event.offer.agent_name)
        after = case.moved(Trigger.WORK_ACCEPTED, state.unit.now, is_seen=True)
        if is_current and after.status != case.status:
            state.unit.move(
                case, after, by, StatusTrigger.WORK_ACCEPTED, in_words(Trigger.WORK_ACCEPTED), trace
            )
        elif is_current and not case.is_seen:
            state.unit.put(replace(case, is_seen=True))
    data = event.model_dump(mode="json", exclude={"work"}) | {
        "queue": event.work.queue,
        "due_at": event.work.due_at and rfc3339(event.work.due_at),
    }
    held = event if is_current and isinstance(event, WorkHeld) and event.acknowledge else None
    why_not = held and state.acknowledgements.why_not(held, case, state.unit.now)
    if why_not:
        data |= {"not_acknowledged": reason_in_words(why_not), "not_acknowledged_code": why_not}
    state.unit.record(case.case_id, key, kind_of(event), position.event_at, by, data)
    if held and not why_not:
        state.acknowledgements.request(held, state.unit.cases[case.case_id], state.unit, key, trace)
