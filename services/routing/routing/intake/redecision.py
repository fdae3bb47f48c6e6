"""The redecision: when the customer writes more, the rules decide again about open work, on all unanswered messages."""

from antiphon.contracts.cases import CaseEvent
from antiphon.contracts.work import WorkRedecided, WorkState
from antiphon.http.changes import Change
from routing.domain.decisions.redecision import Redecided, WorkBefore, changes, redecide_by
from routing.domain.decisions.verdict import Verdict
from routing.domain.offer import OfferResult
from routing.domain.queues import escalation
from routing.domain.queues.escalation import EscalationKind
from routing.domain.queues.placement import Place
from routing.domain.work_item import Arrival, DeferredMove, WorkItem, skill_needs
from routing.intake import decisions
from routing.intake.case_batch import CaseBatch
from routing.intake.case_events import unanswered_messages
from routing.intake.decisions import Decided
from routing.intake.placement import find_place, publish_held
from routing.work.escalation import arrival_note


def decide_again(batch: CaseBatch, event: CaseEvent, work: WorkItem) -> tuple[WorkItem, Decided | None]:
    """Decides again about open work, and changes it. Returns it with the decision; None where nothing changes.

    A decision that changes nothing is recorded only where a shadow would have changed something.
    """
    messages = unanswered_messages(event)
    if not messages:
        return work, None
    before = WorkBefore.of(work, batch.unit.now)
    decided = decisions.decide(batch, event.case, messages, work.work_item_id, before)
    verdict = decided.verdict
    after = decided.redecided
    if after is not None and after.moves:
        to = find_place(batch, verdict)
        if to.queue != work.queue:
            return _move(batch, work, decided, after, to), decided
        # The queue of the verdict overflows to the one where the work waits already.
        stays = redecide_by(batch.active.configuration, before._replace(is_accepted=True), verdict)
        after = stays._replace(is_deferred=False) if stays and changes(before, stays) else None
    if after is None:
        if decided.shadow_differs:
            decisions.keep(batch.unit, decided)
        return work, None
    work = batch.unit.put(
        work, priority=after.priority, skills=after.skills, prefer_skills=after.prefer_skills, labels=after.labels,
        profiles=batch.active.configuration.profiles_of(work.channel, work.queue, after.priority),
        decision_id=decided.decision_id, decided_priority=max(work.decided_priority, verdict.priority),
        decided_queue=verdict.queue if after.is_deferred or after.ends_deferral else work.decided_queue,
        deferred_move=_deferred_move(work, after, verdict),
    )  # fmt: skip
    return work, decided


def _deferred_move(work: WorkItem, after: Redecided, verdict: Verdict) -> DeferredMove | None:
    if after.is_deferred:
        return DeferredMove(verdict.queue, verdict.skills, verdict.prefer_skills, verdict.overflow)
    return None if after.ends_deferral else work.deferred_move


def _move(batch: CaseBatch, work: WorkItem, decided: Decided, after: Redecided, to: Place) -> WorkItem:
    """Moves work that nobody has accepted, and that waits for no agent, to the queue of a rule that may move it. It keeps its number of attempts."""
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
        handover=work.handover and work.handover.to_queue(),
        decided_priority=max(work.decided_priority, verdict.priority), decided_queue=verdict.queue,
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
    elif before.deferred_move is not None and work.deferred_move is None:
        note += f"; meant for {names[work.queue]} again, where it is"
    elif work.state == WorkState.ACCEPTED and verdict.queue != work.queue:
        note += f"; meant for {names[verdict.queue]}, and it stays with who accepted it"
    elif work.held_for(batch.unit.now) is not None and verdict.queue != work.queue:
        note += f"; meant for {names[verdict.queue]}, and it waits for the agent to whom it was handed"
    batch.unit.note_escalation(work, EscalationKind.REDECIDED, note)
    event = WorkRedecided(
        work=work.facts(),
        decision=decided.facts(),
        from_queue=before.queue,
        previous_priority=before.priority,
        previous_due_at=before.due_at,
        previous_skills=skill_needs(before.skills),
        previous_labels=[*before.labels],
    )
    batch.unit.publish(event)
    _show_supervisors(batch, before, work)
    decisions.keep(batch.unit, decided, WorkBefore.of(work, batch.unit.now))
    if has_moved:
        publish_held(batch, work, verdict.queue)
    return work


def _show_supervisors(batch: CaseBatch, before: WorkItem, work: WorkItem) -> None:
    """Adds a live change for supervisors where the priority rose to the alerts' `raised_priority` or above."""
    threshold = batch.active.configuration.alerts.raised_priority
    if threshold is None or work.priority < threshold or work.priority <= before.priority:
        return
    detail = {
        "case_reference": work.case_reference,
        "queue": work.queue,
        "priority": work.priority,
        "previous_priority": before.priority,
        "previous_queue": before.queue,
    }
    batch.unit.change_log.append(Change("priority-raised", str(work.work_item_id), ["supervisors"], detail))
