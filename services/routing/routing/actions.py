"""What routing does with what it hears of cases and answers: work is queued, refreshed, completed; clocks run.

Each function is one verb in the transaction that it is given; the number of statements does not depend on the size
of the batch.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.consumer import Received
from antiphon.contracts.base import ActorKind
from antiphon.contracts.cases import (
    CaseEvent,
    CaseFacts,
    CaseInteractionAdded,
    CaseOpened,
    CaseStatus,
    CaseStatusChanged,
    InteractionFacts,
)
from antiphon.contracts.interactions import Automation
from antiphon.contracts.replies import ReplySent
from antiphon.contracts.work import Decision, SlaMet, SlaStarted, SlaTarget, WorkQueued, WorkState
from routing import store
from routing.configurations import Configurations, InForce
from routing.desk import HOLD_TIMER, SLA_TIMER, SYSTEM, Desk, Work, as_dict, clock_facts, facts
from routing.domain import rules
from routing.domain.deciding import verdict

SETTLED = {CaseStatus.RESOLVED, CaseStatus.CLOSED}


class _Heard:
    """A batch on its way into work items."""

    def __init__(self, desk: Desk, force: InForce, seen: dict[UUID, dict[str, Any]]) -> None:
        self.desk = desk
        self.force = force
        self.seen = seen
        self.open: dict[UUID, Work] = {}
        self.last: dict[UUID, Work] = {}
        self.clocks: dict[UUID, dict[str, Any]] = {}
        self.offers: dict[UUID, dict[str, Any]] = {}
        self.contexts: dict[UUID, InteractionFacts] = {}

    def case(self, event: CaseEvent) -> None:
        """A case as it stands now; news that are older than what was heard change nothing."""
        case = event.case
        seen = self.seen[case.case_id]
        if case.revision <= seen["revision"]:
            return
        seen["revision"] = case.revision
        if isinstance(event, CaseOpened | CaseInteractionAdded):
            seen["interaction"] = event.interaction
        work = self.open.get(case.case_id)
        awaits = case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}
        if awaits and work is None:
            self._queue(case, _newest(event, seen, self.last.get(case.case_id)))
        elif not awaits and work is not None:
            self._complete(event, work)
        if case.status in SETTLED and (clock := self.clocks.pop(case.case_id, None)):
            last = self.last.get(case.case_id)
            if last is not None and case.awaiting_answer_since is None:
                self._settle(event, last, clock)

    def _settle(self, event: CaseEvent, work: Work, clock: dict[str, Any]) -> None:
        by_person = isinstance(event, CaseStatusChanged) and event.reason == "an answer was written"
        if by_person:
            self.clocks[work["case_id"]] = clock  # an answer is on its way: that stops the clock
        else:
            self.desk.cancel_clock(work, clock, f"the case is {event.case.status}")

    def _queue(self, case: CaseFacts, interaction: InteractionFacts) -> None:
        desk, force = self.desk, self.force
        context = rules.context_of(case, interaction, desk.now)
        found = verdict(force.configuration, context)
        since = case.awaiting_answer_since or interaction.accepted_at
        clock = self._clock(case, since, found.sla_policy)
        policy = force.configuration.agents_policy.prefer_last_agent
        last_agent = policy.of(
            self.seen[case.case_id]["last_agent"], self.seen[case.case_id]["last_at"], desk.now
        )
        holds = policy.wait_at_most if last_agent and not found.prefer_agent else None
        work: Work = {
            "work_item_id": uuid4(),
            "case_id": case.case_id,
            "case_reference": case.reference,
            "customer_id": case.customer.customer_id,
            "channel": interaction.channel,
            "subject": case.subject,
            "state": WorkState.QUEUED,
            "queue": found.queue,
            "priority": found.priority,
            "skills": found.skills,
            "queued_at": since,
            "due_at": clock["due_at"],
            "agent_id": None,
            "labels": found.labels,
            "prefer_skills": found.prefer_skills,
            "preferred": found.prefer_agent or last_agent,
            "attempts": 0,
            "decision_id": uuid4(),
            "changed_at": desk.now,
            "completed_at": None,
            "units": force.configuration.units(interaction.channel),
            "hold_until": since + holds if holds else None,
            **force.configuration.queues[found.queue].ordering,
        }
        if work["hold_until"] is not None and work["hold_until"] > desk.now:
            desk.timers.append((HOLD_TIMER, work["work_item_id"], work["hold_until"]))
        desk.new_work[work["work_item_id"]] = work
        desk.put(work)
        self.open[case.case_id] = self.last[case.case_id] = work
        desk.decisions.append(
            {
                "decision_id": work["decision_id"],
                "work_item_id": work["work_item_id"],
                "case_id": case.case_id,
                "version": force.version,
                "rule": found.rule,
                "reason": found.reason,
                "context": context,
                "trace": [outcome._asdict() for outcome in found.trace],
                "outcome": found.outcome,
                "at": desk.now,
            }
        )
        decision = Decision(
            decision_id=work["decision_id"],
            rule=found.rule,
            rule_set_version=force.version,
            reason=found.reason,
        )
        desk.tell(WorkQueued(work=facts(work), decision=decision))
        if clock.get("work_item_id") is None:
            clock["work_item_id"] = work["work_item_id"]
            desk.new_clocks.append(clock)
            desk.timers.append((SLA_TIMER, clock["clock_id"], clock["due_at"]))
            desk.tell(SlaStarted(work=facts(work), clock=clock_facts(clock)))
            answered_at: datetime | None = self.seen[case.case_id]["answered_at"]
            if answered_at is not None and answered_at >= since:
                self._meet(work, clock, answered_at)

    def _clock(self, case: CaseFacts, since: datetime, policy_name: str) -> dict[str, Any]:
        running = self.clocks.get(case.case_id)
        if running is not None:
            return running  # the answer failed or the work came back: the customer still waits
        policy = self.force.configuration.sla_policies[policy_name]
        target = policy.first_response
        clock: dict[str, Any] = {
            "clock_id": uuid4(),
            "case_id": case.case_id,
            "work_item_id": None,
            "target": SlaTarget.FIRST_RESPONSE,
            "policy": policy_name,
            "calendar": target.calendar,
            "configuration_version": self.force.version,
            "started_at": since,
            "due_at": self.force.calendars[target.calendar].add(since, target.within),
            "met_at": None,
            "breached_at": None,
            "cancelled_at": None,
        }
        self.clocks[case.case_id] = clock
        return clock

    def _complete(self, event: CaseEvent, work: Work) -> None:
        case = event.case
        by, reason = SYSTEM, f"the case is {case.status}"
        if isinstance(event, CaseStatusChanged):
            by, reason = event.by, event.reason
        offer = self.offers.pop(work["work_item_id"], None)
        if offer is not None:
            self.desk.end_offer(offer, "withdrawn", reason)
        if work["agent_id"] and work["state"] == WorkState.ACCEPTED:
            self.seen[case.case_id]["last_agent"] = work["agent_id"]
            self.seen[case.case_id]["last_at"] = self.desk.now
        queue = self.force.configuration.queues.get(work["queue"])
        self.desk.complete(work, by, reason, queue.wrap_up if queue else None)
        del self.open[case.case_id]

    def answered(self, event: ReplySent) -> None:
        """Only a person's answer meets a response target."""
        if event.author.kind not in {ActorKind.AGENT, ActorKind.SUPERVISOR}:
            return
        clock = self.clocks.get(event.case_id)
        work = self.last.get(event.case_id)
        if clock is None or work is None:
            # Answers and cases are on different topics: the case may be heard of later.
            self.seen[event.case_id]["answered_at"] = event.sent_at
        elif clock["met_at"] is None:
            self._meet(work, clock, event.sent_at)

    def _meet(self, work: Work, clock: dict[str, Any], at: datetime) -> None:
        del self.clocks[work["case_id"]]
        clock["met_at"] = at
        if clock not in self.desk.new_clocks:
            self.desk.clocks.append(clock)
        self.desk.dropped.append((SLA_TIMER, clock["clock_id"]))
        self.desk.timers = [timer for timer in self.desk.timers if timer[1] != clock["clock_id"]]
        late = at > clock["due_at"]
        self.desk.tell(SlaMet(work=facts(work), clock=clock_facts(clock), met_at=at, late=late))


def _newest(event: CaseEvent, seen: dict[str, Any], last: Work | None) -> InteractionFacts:
    if isinstance(event, CaseOpened | CaseInteractionAdded):
        return event.interaction
    heard: InteractionFacts | None = seen.get("interaction")
    if heard is not None:
        return heard
    case = event.case
    # A case that awaits an answer again without new words, e.g. because the answer could not be sent.
    return InteractionFacts(
        interaction_id=case.case_id,
        channel=last["channel"] if last else "",
        account="",
        visibility="",
        speaker="",
        subject=case.subject,
        text="",
        department=case.department,
        automation=Automation.NONE,
        occurred_at=case.awaiting_answer_since or case.opened_at,
        accepted_at=case.awaiting_answer_since or case.opened_at,
    )


async def hear(
    tx: AsyncConnection, batch: Sequence[Received], configurations: Configurations, now: datetime
) -> None:
    """Takes a batch of news about cases and answers."""
    case_ids = sorted(
        {r.event.case.case_id for r in batch if isinstance(r.event, CaseEvent)}
        | {r.event.case_id for r in batch if isinstance(r.event, ReplySent)}
    )
    if not case_ids:
        return
    force = await configurations.in_force(tx)
    seen = {case_id: as_dict(row) for case_id, row in (await store.lock_cases(tx, case_ids)).items()}
    heard = _Heard(Desk(now), force, seen)
    # What was never heard of has neither work nor clocks.
    known = [case_id for case_id in case_ids if seen[case_id]["revision"]]
    heard.open = {case_id: as_dict(row) for case_id, row in (await store.open_work(tx, known)).items()}
    heard.last = {case_id: as_dict(row) for case_id, row in (await store.last_work(tx, known)).items()}
    heard.last |= heard.open
    heard.clocks = {case_id: as_dict(row) for case_id, row in (await store.running_clocks(tx, known)).items()}
    items = [work["work_item_id"] for work in heard.open.values()]
    heard.offers = {item: as_dict(row) for item, row in (await store.pending_offers(tx, items)).items()}
    for received in batch:
        heard.desk.traceparent = received.envelope.traceparent
        if isinstance(received.event, CaseEvent):
            heard.case(received.event)
        elif isinstance(received.event, ReplySent):
            heard.answered(received.event)
    heard.desk.seen = [
        {name: row[name] for name in ("case_id", "revision", "last_agent", "answered_at", "last_at")}
        for row in seen.values()
    ]
    await heard.desk.write(tx)
