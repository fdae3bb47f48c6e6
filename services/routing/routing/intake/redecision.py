"""The redecision: when the customer writes more, the rules decide again about open work, on all unanswered messages."""

from antiphon.contracts.cases import CaseEvent
from antiphon.contracts.work import WorkRedecided, WorkState
from routing.domain.decisions.redecision import Redecided, redecide
from routing.domain.decisions.verdict import Verdict
from routing.domain.offer import OfferResult
from routing.domain.queues import escalation
from routing.domain.queues.escalation import EscalationKind
from routing.domain.queues.placement import Place
from routing.domain.work_item import Arrival, DeferredMove, WorkItem
from routing.intake import decisions
from routing.intake.case_batch import CaseBatch
from routing.intake.case_events import unanswered_messages
from routing.intake.decisions import Decided
from routing.intake.placement import find_place, publish_held
from routing.work.escalation import arrival_note


def decide_again(batch: CaseBatch, event: CaseEvent, work: WorkItem) -> tuple[WorkItem, Decided | None]:
    """Decides again about open work, and changes it. Returns it with the decision; None where nothing changes."""
    messages = unanswered_messages(event)
    if not messages:
        return work, None
    configuration = batch.active.configuration
    decided = decisions.decide(batch, event.case, messages, work.work_item_id)
    queue = configuration.queues.get(work.queue)
    passed = queue.steps[: work.step] if queue else ()
    verdict, may_move = decided.verdict, work.state != WorkState.ACCEPTED
    after = redecide(work, verdict, passed, may_move=may_move)
    if after is not None and after.moves:
        to = find_place(batch, verdict)
        if to.queue != work.queue:
            return _move(batch, work, decided, after, to), decided
        # The queue of the verdict overflows to the one where the work waits already.
        after = redecide(work, verdict, passed, may_move=False)
        after = after and after._replace(is_deferred=False)
    if after is None:
        return work, None
    decisions.keep(batch.unit, decided)
    work = batch.unit.put(
        work, priority=after.priority, skills=after.skills, prefer_skills=after.prefer_skills, labels=after.labels,
        profiles=configuration.profiles_of(work.channel, work.queue, after.priority),
        decision_id=decided.decision_id, decided_priority=max(work.decided_priority, verdict.priority),
        deferred_move=_deferred_move(verdict) if after.is_deferred else work.deferred_move,
    )  # fmt: skip
    return work, decided


def _deferred_move(verdict: Verdict) -> DeferredMove:
    return DeferredMove(verdict.queue, verdict.skills, verdict.prefer_skills, verdict.overflow)


def _move(batch: CaseBatch, work: WorkItem, decided: Decided, after: Redecided, to: Place) -> WorkItem:
    """Moves work that nobody has accepted to the queue of a rule of a higher priority. It keeps its number of attempts."""
    decisions.keep(batch.unit, decided)
    verdict, now = decided.verdict, batch.unit.now
    configuration, calendars = batch.active.configuration, batch.active.calendars
    offer = batch.offers.pop(work.work_item_id, None)
    if offer is not None:
        batch.unit.end_offer(offer, OfferResult.WITHDRAWN, f"the customer said more: {verdict.rule}")
    arrival: Arrival
    if to.queue == verdict.queue:
        arrival = {
            "queue": to.queue,
            "skills": after.skills,
            "prefer_skills": after.prefer_skills,
            "units": configuration.units(work.channel, to.queue),
            "profiles": configuration.profiles_of(work.channel, to.queue, after.priority),
            **escalation.order_and_steps(configuration, calendars, to.queue, now),
        }
    else:
        raised = work.replace(priority=after.priority, skills=after.skills, prefer_skills=after.prefer_skills)
        arrival = escalation.arrival(raised, configuration, calendars, to.queue, now)
    work = batch.unit.put(
        work, **arrival, priority=after.priority, state=WorkState.QUEUED, agent_id=None, labels=after.labels,
        overflow=verdict.overflow, hold_until=None, decision_id=decided.decision_id, deferred_move=None,
        decided_priority=verdict.priority,
        preferred=verdict.prefer_agent or work.preferred,
    )  # fmt: skip
    if to.queue != verdict.queue:
        batch.unit.note_escalation(work, EscalationKind.OVERFLOW, arrival_note(to, batch.active))
    return work


def publish(batch: CaseBatch, work: WorkItem, decided: Decided, before: WorkItem) -> WorkItem:
    """Makes clocks due sooner where the new SLA policy or priority says so, never later, and publishes the redecision.

    `before` is the work item before it was decided again.
    """
    verdict, has_moved = decided.verdict, work.queue != before.queue
    for held in batch.ledger.running(work.case_id):
        policy = verdict.sla_policy if has_moved else held.clock.terms.policy
        batch.ledger.tighten(held, work, policy, f"the customer said more: rule {verdict.rule!r}")
    work = batch.ledger.publish(work)
    names = {key: queue.name for key, queue in batch.active.configuration.queues.items()}
    note = (
        f"the customer said more, and {verdict.rule!r} holds: priority {before.priority} is {work.priority}"
    )
    if has_moved:
        note += f"; from {names.get(before.queue, before.queue)} to {names[work.queue]}"
    elif work.state == WorkState.ACCEPTED and verdict.queue != work.queue:
        note += f"; meant for {names[verdict.queue]}, and it stays with who accepted it"
    batch.unit.note_escalation(work, EscalationKind.REDECIDED, note)
    event = WorkRedecided(
        work=work.facts(),
        decision=decided.facts(),
        from_queue=before.queue,
        previous_priority=before.priority,
    )
    batch.unit.publish(event)
    if has_moved:
        publish_held(batch, work, verdict.queue)
    return work
