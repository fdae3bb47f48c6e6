"""Applies events of cases and replies: work is queued, decided again or completed, and SLA clocks run.

The number of statements does not depend on the size of the batch.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import ActorKind
from antiphon.contracts.cases import CaseEvent, CaseStatusChanged
from antiphon.contracts.replies import ReplySent
from antiphon.contracts.work import CompletedBecause, WorkState
from antiphon.kafka.consumer import Received
from routing import store
from routing.configuration.active import Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.case_transition import WorkChange, after_event, needs_open_work
from routing.domain.offer import OfferResult
from routing.domain.work_item import WorkItem
from routing.intake import new_work, redecision
from routing.intake.case_batch import CaseBatch, read_batch
from routing.intake.case_events import ended_because, taken_back
from routing.intake.decisions import Decided
from routing.queues import opening
from routing.sla.clocks import WORDS_DELETED, CaseChange, apply_answer, apply_case_change
from routing.unit_of_work import SYSTEM
from routing.work import assignment


async def apply(
    tx: AsyncConnection, received: Sequence[Received], configurations: Configurations, now: datetime, *,
    offering: bool = False,
) -> None:  # fmt: skip
    """Applies a batch of events. `offering`: new work is also offered where nothing waits before it."""
    events = [record.event for record in received]
    case_ids = sorted(
        {event.case.case_id for event in events if isinstance(event, CaseEvent)}
        | {event.case_id for event in events if isinstance(event, ReplySent)}
    )
    if not case_ids:
        return
    batch = await read_batch(tx, events, case_ids, configurations, now)
    for record in received:
        batch.unit.traceparent = record.envelope.traceparent
        if isinstance(record.event, CaseEvent):
            # The time is by the clock of another service, and must not be in our future.
            _apply_case(batch, record.event, min(record.envelope.time or now, now))
        elif isinstance(record.event, ReplySent):
            _apply_reply(batch, record.event)
    batch.ledger.close()
    batch.unit.seen = [_without_old_answers(seen) for seen in batch.seen.values()]
    if offering and batch.unit.new_work:
        open_queues = opening.open_queues(batch.openings)
        await assignment.offer_new(tx, batch.unit, batch.active.configuration, open_queues)
    await batch.unit.write(tx)
    await store.decisions.forget_taken_back(tx, taken_back(events))


def _apply_case(batch: CaseBatch, event: CaseEvent, at: datetime) -> None:
    """Applies an event of a case, which happened at `at`. An event that is older than what was seen changes nothing."""
    case = event.case
    seen, last = batch.seen[case.case_id], batch.last.get(case.case_id)
    work = last if last is not None and last.state != WorkState.COMPLETED else None
    transition = after_event(seen, case, has_work=work is not None)
    if transition is None:
        return
    if last is not None:
        batch.ledger.apply_active_version(last)
    record = transition.record
    batch.seen[case.case_id] = record.replace(awaited_until=_awaited_until(seen, record, batch.unit.now))
    if work is not None and work.subject != case.subject:
        last = work = batch.unit.put(work, subject=case.subject)
    decided: Decided | None = None
    decided_again: Decided | None = None
    newest = last
    if transition.work is WorkChange.NEW:
        newest, decided = new_work.create(batch, event, last)
    elif transition.work is WorkChange.COMPLETE and work is not None:
        newest = _complete(batch, event, work)
    elif transition.work is WorkChange.DECIDE_AGAIN and work is not None:
        newest, decided_again = redecision.decide_again(batch, event, work)
    verdict = decided.verdict if decided else None
    apply_case_change(batch.ledger, CaseChange(event, at, seen, newest, verdict, first=last is None))
    if newest is None:
        return
    if decided is not None:
        newest = new_work.place(batch, newest, decided)
    if decided_again is not None and work is not None:
        newest = redecision.publish(batch, newest, decided_again, work)
    batch.last[case.case_id] = batch.ledger.publish(newest)


def _awaited_until(seen: CaseRecord, record: CaseRecord, now: datetime) -> datetime | None:
    """When the case ceased to need work, from where on the words of its decisions are kept for a limited time."""
    if needs_open_work(record):
        return None
    return now if seen.awaits and not record.awaits else seen.awaited_until


def _complete(batch: CaseBatch, event: CaseEvent, work: WorkItem) -> WorkItem:
    case, because = event.case, ended_because(event)
    by, reason = SYSTEM, f"the case is {case.status}"
    if isinstance(event, CaseStatusChanged):
        by, reason = event.by, event.reason
    elif because is CompletedBecause.WORDS_DELETED:
        reason = WORDS_DELETED
    offer = batch.offers.pop(work.work_item_id, None)
    if offer is not None:
        batch.unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
    if work.agent_id and work.state == WorkState.ACCEPTED:
        seen = batch.seen[case.case_id]
        batch.seen[case.case_id] = seen.replace(last_agent=work.agent_id, last_at=batch.unit.now)
    queue = batch.active.configuration.queues.get(work.queue)
    # Who lost their work to a deletion has nothing to wrap up.
    wrap_up = queue.wrap_up if queue and because is not CompletedBecause.WORDS_DELETED else None
    return batch.unit.complete(work, by, reason, because, wrap_up)


def _apply_reply(batch: CaseBatch, event: ReplySent) -> None:
    """Applies a sent reply: only a person's reply to the customer meets a response target."""
    if event.author.kind not in {ActorKind.AGENT, ActorKind.SUPERVISOR}:
        return
    last = batch.last.get(event.case_id)
    batch.seen[event.case_id] = apply_answer(batch.ledger, event, batch.seen[event.case_id], last)
    if last is not None:
        batch.last[event.case_id] = batch.ledger.publish(last)


def _without_old_answers(seen: CaseRecord) -> CaseRecord:
    """Without the answers that were written up to the revision seen: they can meet no target of later messages."""
    if not seen.answers:
        return seen
    return seen.replace(
        answers=tuple(answer for answer in seen.answers if (answer.revision or 1) > seen.revision)
    )
