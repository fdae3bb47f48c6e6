"""Applies events of cases and replies: work is queued, decided again or completed, and SLA clocks run.

The number of statements does not depend on the size of the batch.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import ActorKind
from antiphon.contracts.cases import CaseEvent, CaseStatusChanged
from antiphon.contracts.replies import ReplySent
from antiphon.contracts.work import WorkState
from antiphon.kafka.consumer import Received
from routing import store
from routing.configuration.active import Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.offer import OfferResult
from routing.domain.work_item import WorkItem
from routing.intake import new_work, redecision
from routing.intake.case_batch import CaseBatch, read_batch
from routing.intake.case_events import awaits_answer, taken_back
from routing.intake.decisions import Decided
from routing.queues import opening
from routing.sla.clocks import CaseChange, apply_answer, apply_case_change
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
    seen = batch.seen[case.case_id]
    if case.revision <= seen.revision:
        return
    last = batch.last.get(case.case_id)
    work = last if last is not None and last.state != WorkState.COMPLETED else None
    if last is not None:
        batch.ledger.apply_active_version(last)
    awaits = awaits_answer(case)
    asked = case.revision if case.asked_revision is None else case.asked_revision
    asks = asked > seen.asked_revision
    # A dismissal covers all that was asked by then: only an event that asks for more ends it.
    is_dismissed = seen.is_dismissed and awaits and not asks
    batch.seen[case.case_id] = seen.replace(
        revision=case.revision,
        awaits=awaits,
        awaiting_since=case.awaiting_answer_since,
        dismissed=seen.dismissed if is_dismissed else None,
        reference=case.reference,
        customer_id=case.customer.customer_id,
        asked_revision=max(asked, seen.asked_revision),
        awaited_until=_awaited_until(seen, batch.unit.now, awaits=awaits, is_dismissed=is_dismissed),
    )
    if work is not None and work.subject != case.subject:
        last = work = batch.unit.put(work, subject=case.subject)
    decided: Decided | None = None
    decided_again: Decided | None = None
    newest = last
    if awaits and work is None and not is_dismissed:
        newest, decided = new_work.create(batch, event, last)
    elif not awaits and work is not None:
        newest = _complete(batch, event, work)
    elif awaits and work is not None and asks:
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


def _awaited_until(seen: CaseRecord, now: datetime, *, awaits: bool, is_dismissed: bool) -> datetime | None:
    """When the case ceased to await an answer, from where on the words of its decisions are kept for a limited time."""
    if awaits and not is_dismissed:
        return None
    return now if seen.awaits and not awaits else seen.awaited_until


def _complete(batch: CaseBatch, event: CaseEvent, work: WorkItem) -> WorkItem:
    case = event.case
    by, reason = SYSTEM, f"the case is {case.status}"
    if isinstance(event, CaseStatusChanged):
        by, reason = event.by, event.reason
    offer = batch.offers.pop(work.work_item_id, None)
    if offer is not None:
        batch.unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
    if work.agent_id and work.state == WorkState.ACCEPTED:
        seen = batch.seen[case.case_id]
        batch.seen[case.case_id] = seen.replace(last_agent=work.agent_id, last_at=batch.unit.now)
    queue = batch.active.configuration.queues.get(work.queue)
    return batch.unit.complete(work, by, reason, queue.wrap_up if queue else None)


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
