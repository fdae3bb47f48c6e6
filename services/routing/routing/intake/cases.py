"""What routing does with what it hears of cases and answers: work is queued, decided again, completed; clocks run.

Each function is one verb in the transaction that it is given; the number of statements does not depend on the size
of the batch.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import ActorKind
from antiphon.contracts.cases import (
    CaseEvent,
    CaseFacts,
    CaseInteractionAdded,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatus,
    CaseStatusChanged,
    InteractionFacts,
    StatusTrigger,
)
from antiphon.contracts.interactions import Automation
from antiphon.contracts.replies import ReplySent
from antiphon.contracts.work import Decision, WorkHeld, WorkQueued, WorkRedecided, WorkState
from antiphon.kafka.consumer import Received
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.case_record import CaseRecord
from routing.domain.decisions.redecision import Redecided, redecide
from routing.domain.decisions.verdict import Verdict, verdict, without_words
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.queues import escalation, placement
from routing.domain.queues.escalation import EscalationKind
from routing.domain.queues.opening import Opening
from routing.domain.queues.placement import Load, Place
from routing.domain.rules import conditions
from routing.domain.timer import TimerKind
from routing.domain.work_item import Arrival, DeferredMove, WorkItem
from routing.queues import opening, rule_context
from routing.sla.clocks import CaseChange, apply_answer, apply_case_change
from routing.sla.ledger import ClockLedger
from routing.unit_of_work import SYSTEM, Row, UnitOfWork
from routing.work import assignment
from routing.work.escalation import arrived


class _Decided(NamedTuple):
    """A verdict on the words of a case, and the row that keeps it."""

    found: Verdict
    decision_id: UUID
    version: int

    def told(self, *more: str) -> Decision:
        """It as events tell it, with more reasons."""
        return Decision(
            decision_id=self.decision_id, rule=self.found.rule, rule_set_version=self.version,
            reason="; ".join([self.found.reason, *more]),
        )  # fmt: skip


class _Effects:
    """A batch on its way into work items."""

    def __init__(self, unit: UnitOfWork, active: ActiveVersion, seen: dict[UUID, CaseRecord]) -> None:
        self.unit = unit
        self.active = active
        self.seen = seen
        self.last: dict[UUID, WorkItem] = {}
        self.ledger = ClockLedger(unit, active)
        self.offers: dict[UUID, OfferRecord] = {}
        self.rule_context: conditions.Context = {}
        self.openings: Mapping[str, Opening] = {}
        self.loads: dict[str, Load] = {}
        self._undecided: dict[UUID, Row] = {}

    def case(self, event: CaseEvent, at: datetime) -> None:
        """A case as it stands since an instant; news that are older than what was heard change nothing."""
        case = event.case
        seen = self.seen[case.case_id]
        if case.revision <= seen.revision:
            return
        last = self.last.get(case.case_id)
        work = last if last is not None and last.state != WorkState.COMPLETED else None
        if last is not None:
            self.ledger.apply_active_version(last)
        awaits = _awaits(case)
        asked = case.revision if case.asked_revision is None else case.asked_revision
        asks = asked > seen.asked_revision
        # Who dismissed the work knew what had been asked by then: an event that asks for nothing new is an echo.
        dismissed = seen.is_dismissed and awaits and not asks
        self.seen[case.case_id] = seen.replace(
            revision=case.revision,
            awaits=awaits,
            awaiting_since=case.awaiting_answer_since,
            dismissed=seen.dismissed if dismissed else None,
            reference=case.reference,
            customer_id=case.customer.customer_id,
            asked_revision=max(asked, seen.asked_revision),
        )
        decided: _Decided | None = None
        again: _Decided | None = None
        newest = last
        if awaits and work is None and not dismissed:
            newest, decided = self._queue(event, last)
        elif not awaits and work is not None:
            newest = self._complete(event, work)
        elif awaits and work is not None and asks:
            newest, again = self._decide_again(event, work)
        verdict_of = decided.found if decided else None
        apply_case_change(self.ledger, CaseChange(event, at, seen, newest, verdict_of, first=last is None))
        if newest is None:
            return
        if decided is not None:
            newest = self._place(newest, decided)
        if again is not None and work is not None:
            newest = self._hasten(newest, again, work)
        self.last[case.case_id] = self.ledger.publish(newest)

    def _decide(self, case: CaseFacts, words: Sequence[InteractionFacts], work_item_id: UUID) -> _Decided:
        """Asks the active rules about all these words together. Nothing is kept yet."""
        unit, active = self.unit, self.active
        version, deciding = active.deciding(case.case_id)
        context: conditions.Context = {}
        found = without_words(deciding)
        if words:
            local = unit.now.astimezone(active.configuration.zone)
            context = conditions.context_of(case, words, local) | self.rule_context
            found = verdict(deciding, context)
        decided = _Decided(found, uuid4(), version)
        self._undecided[decided.decision_id] = {
            "decision_id": decided.decision_id,
            "work_item_id": work_item_id,
            "case_id": case.case_id,
            "version": version,
            "rule": found.rule,
            "reason": found.reason,
            "context": conditions.stored_context(context),
            "trace": [outcome._asdict() for outcome in found.trace],
            # What no rule was asked about can't be tried again.
            "outcome": found.outcome if words else None,
            "at": unit.now,
            "shadow": active.shadow.says(context, found, unit.now) if active.shadow and words else None,
        }
        return decided

    def _queue(self, event: CaseEvent, last: WorkItem | None) -> tuple[WorkItem, _Decided]:
        """A work item, not placed yet: its clocks say when it is due."""
        unit, active, case = self.unit, self.active, event.case
        words, item = _unanswered(event), uuid4()
        decided = self._decide(case, words, item)
        said = decided.found.priority
        if (
            last is not None
            and last.queue in active.configuration.queues
            and (_sent_back(event) or not words)
        ):
            said = max(said, last.decided_priority)
            decided = decided._replace(found=self._back_to_its_team(decided.found, last))
        self._keep(decided)
        found = decided.found
        since = case.awaiting_answer_since or unit.now
        channel = words[-1].channel if words else last.channel if last else ""
        policy = active.configuration.agents_policy.prefer_last_agent
        seen = self.seen[case.case_id]
        last_agent = policy.of(seen.last_agent, seen.last_at, unit.now)
        holds = policy.wait_at_most if last_agent and not found.prefer_agent else None
        work = WorkItem(
            work_item_id=item,
            case_id=case.case_id,
            case_reference=case.reference,
            customer_id=case.customer.customer_id,
            channel=channel,
            subject=case.subject,
            queue=found.queue,
            priority=found.priority,
            skills=found.skills,
            prefer_skills=found.prefer_skills,
            labels=found.labels,
            queued_at=since,
            preferred=found.prefer_agent or last_agent,
            decision_id=decided.decision_id,
            changed_at=unit.now,
            units=active.configuration.units(channel, found.queue),
            profiles=active.configuration.profiles_of(channel, found.queue, found.priority),
            hold_until=since + holds if holds else None,
            overflow=found.overflow,
            decided_priority=said,
            **escalation.order_and_steps(active.configuration, active.calendars, found.queue, since),
        )
        if work.hold_until is not None and work.hold_until > unit.now:
            unit.timers.append((TimerKind.HOLD, work.work_item_id, work.hold_until))
        return work, decided

    def _back_to_its_team(self, found: Verdict, last: WorkItem) -> Verdict:
        """The verdict on words whose answer did not arrive: as the work was, unless a rule of a higher priority says otherwise."""
        after = redecide(last, found)
        meant = last.deferred_move is not None and found.moves and found.queue == last.deferred_move.queue
        if meant or (after is not None and after.moves):
            return found
        kept = after or Redecided(
            False, last.priority, dict(last.skills), dict(last.prefer_skills), [*last.labels]
        )
        queue = self.active.configuration.queues[last.queue]
        running = self.ledger.running(last.case_id)
        return found._replace(
            queue=last.queue, priority=kept.priority, skills=kept.skills, prefer_skills=kept.prefer_skills,
            labels=kept.labels, overflow=last.overflow, reason=f"back to {queue.name}, its team; {found.reason}",
            sla_policy=running[0].clock.terms.policy if running else queue.sla_policy,
        )  # fmt: skip

    def _keep(self, decided: _Decided) -> None:
        """Keeps the decision, with the reason that the verdict has now."""
        row = self._undecided.pop(decided.decision_id)
        self.unit.decisions.append({**row, "reason": decided.found.reason})

    def _decide_again(self, event: CaseEvent, work: WorkItem) -> tuple[WorkItem, _Decided | None]:
        """Asks the rules about all unanswered words, and changes the open work; what was decided, if that changed it."""
        words = _unanswered(event)
        if not words:
            return work, None
        configuration = self.active.configuration
        decided = self._decide(event.case, words, work.work_item_id)
        queue = configuration.queues.get(work.queue)
        passed = queue.steps[: work.step] if queue else ()
        found, may_move = decided.found, work.state != WorkState.ACCEPTED
        after = redecide(work, found, passed, may_move=may_move)
        if after is not None and after.moves:
            to = self._find_place(found)
            if to.queue != work.queue:
                return self._move(work, decided, after, to), decided
            # It flows over to where it waits already.
            after = redecide(work, found, passed, may_move=False)
            after = after and after._replace(is_deferred=False)
        if after is None:
            del self._undecided[decided.decision_id]
            return work, None
        self._keep(decided)
        work = self.unit.put(
            work, priority=after.priority, skills=after.skills, prefer_skills=after.prefer_skills, labels=after.labels,
            profiles=configuration.profiles_of(work.channel, work.queue, after.priority),
            decision_id=decided.decision_id, decided_priority=max(work.decided_priority, found.priority),
            deferred_move=_deferred_move(found) if after.is_deferred else work.deferred_move,
        )  # fmt: skip
        return work, decided

    def _move(self, work: WorkItem, decided: _Decided, after: Redecided, to: Place) -> WorkItem:
        """Work that nobody has accepted goes to the queue of a rule of a higher priority. Its attempts are counted on."""
        self._keep(decided)
        found, configuration, calendars = decided.found, self.active.configuration, self.active.calendars
        offer = self.offers.pop(work.work_item_id, None)
        if offer is not None:
            self.unit.end_offer(offer, OfferResult.WITHDRAWN, f"the customer said more: {found.rule}")
        came: Arrival
        if to.queue == found.queue:
            came = {
                "queue": to.queue,
                "skills": after.skills,
                "prefer_skills": after.prefer_skills,
                "units": configuration.units(work.channel, to.queue),
                "profiles": configuration.profiles_of(work.channel, to.queue, after.priority),
                **escalation.order_and_steps(configuration, calendars, to.queue, self.unit.now),
            }
        else:
            asks = work.replace(
                priority=after.priority, skills=after.skills, prefer_skills=after.prefer_skills
            )
            came = escalation.arrival(asks, configuration, calendars, to.queue, self.unit.now)
        work = self.unit.put(
            work, **came, priority=after.priority, state=WorkState.QUEUED, agent_id=None, labels=after.labels,
            overflow=found.overflow, hold_until=None, decision_id=decided.decision_id, deferred_move=None,
            decided_priority=found.priority,
            preferred=found.prefer_agent or work.preferred,
        )  # fmt: skip
        if to.queue != found.queue:
            self.unit.note(work, EscalationKind.OVERFLOW, arrived(to, self.active))
        return work

    def _hasten(self, work: WorkItem, decided: _Decided, before: WorkItem) -> WorkItem:
        """Clocks of work that was decided again are due sooner where what is promised now says so, and never later.

        `before` is the work as it was before that.
        """
        found, moved = decided.found, work.queue != before.queue
        for held in self.ledger.running(work.case_id):
            policy = found.sla_policy if moved else held.clock.terms.policy
            self.ledger.tighten(held, work, policy, f"the customer said more: rule {found.rule!r}")
        work = self.ledger.publish(work)
        names = {key: queue.name for key, queue in self.active.configuration.queues.items()}
        what = (
            f"the customer said more, and {found.rule!r} holds: priority {before.priority} is {work.priority}"
        )
        if moved:
            what += f"; from {names.get(before.queue, before.queue)} to {names[work.queue]}"
        elif work.state == WorkState.ACCEPTED and found.queue != work.queue:
            what += f"; meant for {names[found.queue]}, and it stays with who accepted it"
        self.unit.note(work, EscalationKind.REDECIDED, what)
        event = WorkRedecided(
            work=work.facts(),
            decision=decided.told(),
            from_queue=before.queue,
            previous_priority=before.priority,
        )
        self.unit.tell(event)
        if moved:
            self._hold(work, found.queue)
        return work

    def _find_place(self, found: Verdict) -> Place:
        """Where the verdict puts work: where it is meant to be, or where it flows over to. It counts there from now on."""
        to = placement.place(
            self.active.configuration, self.openings, self.loads, found.queue, found.overflow
        )
        waiting = self.loads.get(to.queue, placement.NOBODY)
        self.loads[to.queue] = waiting._replace(waiting=waiting.waiting + 1)
        return to

    def _place(self, work: WorkItem, decided: _Decided) -> WorkItem:
        """The work waits where it was meant to, or where it flows over to: then the rule's skills are only better."""
        found = decided.found
        to = self._find_place(found)
        if to.queue != found.queue:
            configuration, calendars = self.active.configuration, self.active.calendars
            came = escalation.arrival(work, configuration, calendars, to.queue, self.unit.now)
            work = work.replace(**came)
            self.unit.note(work, EscalationKind.OVERFLOW, arrived(to, self.active))
        work = work.replace(due_at=self.ledger.due(work.case_id))
        self.unit.add(work)
        self.unit.tell(WorkQueued(work=work.facts(), decision=decided.told(*to.why)))
        self._hold(work, found.queue)
        return work

    def _hold(self, work: WorkItem, meant_for: str) -> None:
        stands = self.openings[work.queue]
        if not stands.open:
            meant, closed = self.active.configuration.queues[meant_for], not self.openings[meant_for].takes
            words = meant.outside_hours.acknowledge if closed else None
            self.unit.tell(
                WorkHeld(
                    work=work.facts(), reason=stands.why or "", opens_at=stands.opens_at, acknowledge=words,
                    meant_for=meant.name if words else None,
                )
            )  # fmt: skip

    def _complete(self, event: CaseEvent, work: WorkItem) -> WorkItem:
        case = event.case
        by, reason = SYSTEM, f"the case is {case.status}"
        if isinstance(event, CaseStatusChanged):
            by, reason = event.by, event.reason
        offer = self.offers.pop(work.work_item_id, None)
        if offer is not None:
            self.unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
        if work.agent_id and work.state == WorkState.ACCEPTED:
            seen = self.seen[case.case_id]
            self.seen[case.case_id] = seen.replace(last_agent=work.agent_id, last_at=self.unit.now)
        queue = self.active.configuration.queues.get(work.queue)
        return self.unit.complete(work, by, reason, queue.wrap_up if queue else None)

    def answered(self, event: ReplySent) -> None:
        """Only a person's answer to the customer meets a response target; notes are none, and are not told here."""
        if event.author.kind not in {ActorKind.AGENT, ActorKind.SUPERVISOR}:
            return
        last = self.last.get(event.case_id)
        self.seen[event.case_id] = apply_answer(self.ledger, event, self.seen[event.case_id], last)
        if last is not None:
            self.last[event.case_id] = self.ledger.publish(last)


def _may_decide(batch: Sequence[Received], opened: Collection[UUID]) -> bool:
    """Whether rules may be asked: a case that awaits an answer has no open work, or ceased to await one before, or has words."""
    events = [received.event for received in batch if isinstance(received.event, CaseEvent)]
    done = {event.case.case_id for event in events if not _awaits(event.case)}
    return any(
        _awaits(event.case)
        and (event.case.case_id not in opened or event.case.case_id in done or _unanswered(event))
        for event in events
    )


def _awaits(case: CaseFacts) -> bool:
    return case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


def _unanswered(event: CaseEvent) -> list[InteractionFacts]:
    """All that the customer said and nobody has answered, as the event tells it, oldest first."""
    words: list[InteractionFacts] = []
    match event:
        case CaseOpened():
            words = [event.interaction]
        case CaseInteractionAdded():
            words = [*event.unanswered, event.interaction]
        case CaseInteractionEdited():
            since, edited = event.case.awaiting_answer_since, event.interaction
            is_awaited = since is not None and edited.accepted_at >= since
            words = [*event.unanswered, *([edited] if is_awaited else [])]
        case CaseStatusChanged():
            words = event.unanswered
        case _:
            pass
    people = [one for one in words if one.automation == Automation.NONE]
    return sorted(people, key=lambda one: one.accepted_at)


def _deferred_move(found: Verdict) -> DeferredMove:
    return DeferredMove(found.queue, found.skills, found.prefer_skills, found.overflow)


def _sent_back(event: CaseEvent) -> bool:
    return isinstance(event, CaseStatusChanged) and event.trigger == StatusTrigger.REPLY_FAILED


async def apply(
    tx: AsyncConnection, batch: Sequence[Received], configurations: Configurations, now: datetime, *,
    offering: bool = False,
) -> None:  # fmt: skip
    """Takes a batch of news about cases and answers; `offering`, new work is offered where nothing waits before it."""
    case_ids = sorted(
        {r.event.case.case_id for r in batch if isinstance(r.event, CaseEvent)}
        | {r.event.case_id for r in batch if isinstance(r.event, ReplySent)}
    )
    if not case_ids:
        return
    active = await configurations.active(tx)
    seen = await store.cases.lock_cases(tx, case_ids)
    effects = _Effects(UnitOfWork(now), active, seen)
    # What was never heard of has neither work nor clocks.
    seen_before = [case_id for case_id in case_ids if seen[case_id].revision]
    opened = await store.work_items.open_work(tx, seen_before)
    effects.last = await store.work_items.last_work(tx, seen_before, opened)
    effects.ledger = ClockLedger(effects.unit, active, await store.clocks.running_clocks(tx, seen_before))
    effects.offers = await store.offers.pending_offers(tx, [work.work_item_id for work in opened.values()])
    if _may_decide(batch, opened):
        effects.rule_context = await rule_context.read(tx, active, now)
        effects.openings = opening.openings(active, now)
        effects.loads = await opening.loads(tx, active, now)
    for received in batch:
        effects.unit.traceparent = received.envelope.traceparent
        if isinstance(received.event, CaseEvent):
            # When it happened, as its service's clock tells; not in our future.
            effects.case(received.event, min(received.envelope.time or now, now))
        elif isinstance(received.event, ReplySent):
            effects.answered(received.event)
    effects.ledger.close()
    # What was written before all that is known of the case answers nothing that is yet to be batch.
    effects.unit.seen = [
        one.replace(answers=tuple(answer for answer in one.answers if (answer.revision or 1) > one.revision))
        if one.answers
        else one
        for one in effects.seen.values()
    ]
    if offering and effects.unit.new_work:
        given_out = opening.given_out(effects.openings)
        await assignment.offer_new(tx, effects.unit, active.configuration, given_out)
    await effects.unit.write(tx)
