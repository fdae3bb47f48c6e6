"""What the outcome of a reply does to its case."""

from antiphon.contracts.base import Actor, ActorKind
from antiphon.contracts.cases import StatusTrigger
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.kafka.consumer import NonRetryableError
from case_mgmt.domain.cases import Case, reply_failed
from case_mgmt.domain.record import EntryKind
from case_mgmt.domain.replies import Reply, ReplyOutcome, ReplyState
from case_mgmt.domain.states import Trigger, in_words
from case_mgmt.intake.state import BatchState


def finish(state: BatchState, event: ReplySent | ReplyFailed, key: str, trace: str | None) -> None:
    """Records what became of a reply. Raises NonRetryableError for a reply that this service did not request."""
    case, reply = state.unit.cases.get(event.case_id), state.replies.get(event.reply_id)
    if case is None or reply is None:
        raise NonRetryableError(f"{event.type} of reply {event.reply_id}, which this service did not request")
    actor = Actor(kind=ActorKind.SYSTEM, id=f"ingest:{event.channel}")
    if isinstance(event, ReplySent):
        _sent(state, event, case, reply, actor, key)
    else:
        _failed(state, event, case, reply, actor, key, trace)


def _sent(state: BatchState, event: ReplySent, case: Case, reply: Reply, actor: Actor, key: str) -> None:
    state.unit.put(case.changed(state.unit.now, replies=case.replies + (not reply.is_automatic)))
    kind = EntryKind.ACKNOWLEDGEMENT_SENT if reply.is_automatic else EntryKind.REPLY_SENT
    data = {"reply_id": str(event.reply_id), "link": event.link}
    state.unit.record(case.case_id, key, kind, event.sent_at, actor, data)
    state.references += [(native_id, case.case_id) for native_id in event.native_ids]
    state.outcomes.append(
        ReplyOutcome(event.reply_id, ReplyState.SENT, event.sent_at, event.native_ids, None)
    )


def _failed(
    state: BatchState,
    event: ReplyFailed,
    case: Case,
    reply: Reply,
    actor: Actor,
    key: str,
    trace: str | None,
) -> None:
    if reply.is_automatic:
        state.unit.put(case.changed(state.unit.now))
    else:
        after = reply_failed(case, reply.awaited_since or event.failed_at, state.unit.now)
        state.unit.move(
            case,
            after,
            actor,
            StatusTrigger.REPLY_FAILED,
            in_words(Trigger.REPLY_FAILED),
            trace,
            state.unanswered_on(after),
        )
    kind = EntryKind.ACKNOWLEDGEMENT_FAILED if reply.is_automatic else EntryKind.REPLY_FAILED
    data = {"reply_id": str(event.reply_id), "reason": event.reason, "outcome": event.outcome}
    state.unit.record(case.case_id, key, kind, event.failed_at, actor, data)
    state.outcomes.append(ReplyOutcome(event.reply_id, ReplyState.FAILED, event.failed_at, [], event.reason))
