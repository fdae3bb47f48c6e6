"""New work: a case that awaits an answer and has no open work item gets one, in the queue that the rules decide."""

from uuid import uuid4

from antiphon.contracts.cases import CaseEvent, CaseStatusChanged
from antiphon.contracts.work import WorkQueued
from antiphon.organisation.overflow import NEVER
from routing.domain.decisions.redecision import Redecided, WorkBefore, redecide
from routing.domain.decisions.verdict import Moves, Verdict
from routing.domain.queues import escalation
from routing.domain.queues.escalation import EscalationKind
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.intake import decisions
from routing.intake.case_batch import CaseBatch
from routing.intake.case_events import is_reply_failure, unanswered_messages
from routing.intake.decisions import Decided
from routing.intake.placement import find_place, publish_held
from routing.work.escalation import arrival_note


def create(batch: CaseBatch, event: CaseEvent, last: WorkItem | None) -> tuple[WorkItem, Decided]:
    """Decides on new work of a case whose newest work is `last`. It has no place yet: its clocks decide when it is due."""
    now, active, case = batch.unit.now, batch.active, event.case
    messages, work_item_id = unanswered_messages(event), uuid4()
    decided = decisions.decide(batch, case, messages, work_item_id)
    decided_priority, decided_queue = decided.verdict.priority, decided.verdict.queue
    if (
        last is not None
        and last.queue in active.configuration.queues
        and (is_reply_failure(event) or not messages)
    ):
        decided_priority = max(decided_priority, last.decided_priority)
        decided_queue = decided_queue if messages else last.decided_queue
        decided = decided._replace(verdict=_return_to_team(batch, decided.verdict, last))
    # Words that come later, while a person keeps the case open, are decided by the rules alone.
    if case.opened_in_queue is not None and (isinstance(event, CaseStatusChanged) or not messages):
        by = event.by.name or event.by.id if isinstance(event, CaseStatusChanged) else "a person"
        decided = decided._replace(verdict=_as_named(batch, decided.verdict, case.opened_in_queue, by))
    decisions.keep(batch.unit, decided)
    verdict = decided.verdict
    since = case.awaiting_answer_since or case.opened_by_person_at or now
    channel = messages[-1].channel if messages else last.channel if last else ""
    policy = active.configuration.agents_policy.prefer_last_agent
    seen = batch.seen[case.case_id]
    last_agent = policy.of(seen.last_agent, seen.last_at, now)
    holds = policy.wait_at_most if last_agent and not verdict.prefer_agent else None
    work = WorkItem(
        work_item_id=work_item_id,
        case_id=case.case_id,
        case_reference=case.reference,
        customer_id=case.customer.customer_id,
        channel=channel,
        subject=case.subject,
        queue=verdict.queue,
        priority=verdict.priority,
        skills=verdict.skills,
        prefer_skills=verdict.prefer_skills,
        labels=verdict.labels,
        queued_at=since,
        preferred=verdict.prefer_agent or last_agent,
        decision_id=decided.decision_id,
        changed_at=now,
        units=active.configuration.units(channel, verdict.queue),
        profiles=active.configuration.profiles_of(channel, verdict.queue, verdict.priority),
        hold_until=since + holds if holds else None,
        overflow=verdict.overflow,
        decided_priority=decided_priority,
        decided_queue=decided_queue,
        revision=last.revision + 1 if last else 1,
        **escalation.order_and_steps(active.configuration, active.calendars, verdict.queue, since),
    )
    if work.hold_until is not None and work.hold_until > now:
        batch.unit.timers.append((TimerKind.HOLD, work.work_item_id, work.hold_until))
    return work, decided


def _return_to_team(batch: CaseBatch, verdict: Verdict, last: WorkItem) -> Verdict:
    """The verdict on work whose answer did not arrive: as `last` was, unless a rule of a higher priority moves it."""
    after = redecide(WorkBefore.of(last, batch.unit.now), verdict)
    deferred = last.deferred_move
    is_meant = deferred is not None and verdict.moves is not Moves.NEVER and verdict.queue == deferred.queue
    if is_meant or (after is not None and after.moves):
        return verdict
    kept = after or Redecided(
        False, last.priority, dict(last.skills), dict(last.prefer_skills), [*last.labels]
    )
    queue = batch.active.configuration.queues[last.queue]
    running = batch.ledger.running(last.case_id)
    return verdict._replace(
        queue=last.queue, priority=kept.priority, skills=kept.skills, prefer_skills=kept.prefer_skills,
        labels=kept.labels, overflow=last.overflow, reason=f"back to {queue.name}, its team; {verdict.reason}",
        sla_policy=running[0].clock.terms.policy if running else queue.sla_policy,
    )  # fmt: skip


def _as_named(batch: CaseBatch, verdict: Verdict, named: str, by: str) -> Verdict:
    """The verdict on work of a case that a person opened, who named its queue. An unknown queue leaves it to the rules."""
    queue = batch.active.configuration.queues.get(named)
    if queue is None:
        why = f"{by} named the queue {named!r}, which the active version does not have; {verdict.reason}"
        return verdict._replace(reason=why)
    needed = verdict.queue == named
    return verdict._replace(
        rule=verdict.rule if needed else "(a person named the queue)", queue=named,
        skills=verdict.skills if needed else {},
        prefer_skills=verdict.prefer_skills if needed else {**verdict.prefer_skills, **verdict.skills},
        overflow=NEVER, moves=False, reason=f"{by} opened the case and named {queue.name}; {verdict.reason}",
        sla_policy=verdict.sla_policy if needed else queue.sla_policy,
    )  # fmt: skip


def place(batch: CaseBatch, work: WorkItem, decided: Decided) -> WorkItem:
    """Puts new work into its queue, or the one it overflows to, where the skills that a rule needs are only preferred."""
    verdict, active = decided.verdict, batch.active
    to = find_place(batch, verdict)
    if to.queue != verdict.queue:
        arrival = escalation.arrival(work, active.configuration, active.calendars, to.queue, batch.unit.now)
        work = work.replace(**arrival)
        batch.unit.note_escalation(work, EscalationKind.OVERFLOW, arrival_note(to, active))
    work = work.replace(due_at=batch.ledger.due(work.case_id))
    batch.unit.add(work)
    batch.unit.publish(WorkQueued(work=work.facts(), decision=decided.facts(*to.why)))
    publish_held(batch, work, verdict.queue)
    return work
