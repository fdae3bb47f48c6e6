"""What routing does with what it hears of cases and answers: work is queued, refreshed, completed; clocks run.

Each function is one verb in the transaction that it is given; the number of statements does not depend on the size
of the batch.
"""

from collections.abc import Collection, Mapping, Sequence
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
from antiphon.contracts.work import Decision, WorkHeld, WorkQueued, WorkState
from routing import assignment, known, openness, store
from routing.clocks import Heard, answer, follow
from routing.configurations import Configurations, InForce
from routing.desk import HOLD_TIMER, SYSTEM, Desk, Work, as_dict, facts
from routing.domain import escalation, placing, rules
from routing.domain.deciding import Verdict, verdict
from routing.domain.openness import Standing
from routing.domain.placing import Load
from routing.escalation import OVERFLOW, arrived
from routing.ledger import Book

_SEEN = (
    "case_id", "revision", "last_agent", "last_at", "awaiting_since", "answers", "awaits", "set_aside", "reference", "customer_id",
)  # fmt: skip


class _Heard:
    """A batch on its way into work items."""

    def __init__(self, desk: Desk, force: InForce, seen: dict[UUID, dict[str, Any]]) -> None:
        self.desk = desk
        self.force = force
        self.seen = seen
        self.open: dict[UUID, Work] = {}
        self.last: dict[UUID, Work] = {}
        self.book = Book(desk, force)
        self.offers: dict[UUID, dict[str, Any]] = {}
        self.standing: rules.Context = {}
        self.standings: Mapping[str, Standing] = {}
        self.loads: dict[str, Load] = {}

    def case(self, event: CaseEvent, at: datetime) -> None:
        """A case as it stands since an instant; news that are older than what was heard change nothing."""
        case = event.case
        seen = self.seen[case.case_id]
        if case.revision <= seen["revision"]:
            return
        seen["revision"] = case.revision
        if isinstance(event, CaseOpened | CaseInteractionAdded):
            seen["interaction"] = event.interaction
        work, last = self.open.get(case.case_id), self.last.get(case.case_id)
        if last is not None:
            self.book.keep_up(last)
        awaits = _awaits(case)
        seen |= {
            "awaits": awaits,
            "set_aside": None,
            "reference": case.reference,
            "customer_id": case.customer.customer_id,
        }
        found: Verdict | None = None
        if awaits and work is None:
            found = self._queue(case, _newest(event, seen, last))
        elif not awaits and work is not None:
            self._complete(event, work)
        follow(self.book, Heard(event, at, seen, self.last.get(case.case_id), found, first=last is None))
        seen["awaiting_since"] = case.awaiting_answer_since
        if found is not None:
            self._place(self.open[case.case_id], found)
        if (newest := self.last.get(case.case_id)) is not None:
            self.book.tell(newest)

    def _queue(self, case: CaseFacts, interaction: InteractionFacts) -> Verdict:
        """A work item, not placed yet: its clocks say when it is due."""
        desk, force = self.desk, self.force
        local = desk.now.astimezone(force.configuration.zone)
        context = rules.context_of(case, interaction, local) | self.standing
        version, deciding = force.deciding(case.case_id)
        found = verdict(deciding, context)
        since = case.awaiting_answer_since or interaction.accepted_at
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
            "overflow": found.overflow,
            "queued_at": since,
            "due_at": None,
            "agent_id": None,
            "labels": found.labels,
            "prefer_skills": found.prefer_skills,
            "preferred": found.prefer_agent or last_agent,
            "attempts": 0,
            "decision_id": uuid4(),
            "changed_at": desk.now,
            "completed_at": None,
            "units": force.configuration.units(interaction.channel, found.queue),
            "profiles": force.configuration.profiles_of(interaction.channel, found.queue, found.priority),
            "completed_by": None,
            "hold_until": since + holds if holds else None,
            **escalation.beginning(force.configuration, force.calendars, found.queue, since),
        }
        if work["hold_until"] is not None and work["hold_until"] > desk.now:
            desk.timers.append((HOLD_TIMER, work["work_item_id"], work["hold_until"]))
        desk.decisions.append(
            {
                "decision_id": work["decision_id"],
                "work_item_id": work["work_item_id"],
                "case_id": case.case_id,
                "version": version,
                "rule": found.rule,
                "reason": found.reason,
                "context": context,
                "trace": [outcome._asdict() for outcome in found.trace],
                "outcome": found.outcome,
                "at": desk.now,
                "shadow": force.shadow.says(context, found, desk.now) if force.shadow else None,
            }
        )
        self.open[case.case_id] = self.last[case.case_id] = work
        return found

    def _place(self, work: Work, found: Verdict) -> None:
        """The work waits where it was meant to, or where it flows over to: then the rule's skills are only better."""
        to = placing.place(self.force.configuration, self.standings, self.loads, found.queue, found.overflow)
        waiting = self.loads.get(to.queue, placing.NOBODY)
        self.loads[to.queue] = waiting._replace(waiting=waiting.waiting + 1)
        if to.queue != found.queue:
            configuration, calendars = self.force.configuration, self.force.calendars
            came = escalation.arrival(work, configuration, calendars, to.queue, self.desk.now)
            work |= {"queue": to.queue, **came}
            self.desk.note(work, OVERFLOW, arrived(to, self.force))
        self.desk.new_work[work["work_item_id"]] = work
        self.desk.put(work, due_at=self.book.due(work["case_id"]))
        decision = Decision(
            decision_id=work["decision_id"],
            rule=found.rule,
            rule_set_version=self.force.deciding(work["case_id"])[0],
            reason="; ".join([found.reason, *to.why]),
        )
        self.desk.tell(WorkQueued(work=facts(work), decision=decision))
        self._hold(work, found.queue)

    def _hold(self, work: Work, meant_for: str) -> None:
        stands = self.standings[work["queue"]]
        if not stands.open:
            meant, closed = self.force.configuration.queues[meant_for], not self.standings[meant_for].takes
            words = meant.outside_hours.acknowledge if closed else None
            self.desk.tell(
                WorkHeld(
                    work=facts(work), reason=stands.why or "", opens_at=stands.opens_at, acknowledge=words,
                    meant_for=meant.name if words else None,
                )
            )  # fmt: skip

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
        """Only a person's answer to the customer meets a response target; notes are none, and are not told here."""
        if event.author.kind not in {ActorKind.AGENT, ActorKind.SUPERVISOR}:
            return
        answer(self.book, event, self.seen[event.case_id], self.last.get(event.case_id))
        if (last := self.last.get(event.case_id)) is not None:
            self.book.tell(last)


def _may_decide(batch: Sequence[Received], opened: Collection[UUID]) -> bool:
    """Whether a case comes to await an answer: it has no open work, or ceases to await one before."""
    cases = [received.event.case for received in batch if isinstance(received.event, CaseEvent)]
    done = {case.case_id for case in cases if not _awaits(case)}
    return any(_awaits(case) and (case.case_id not in opened or case.case_id in done) for case in cases)


def _awaits(case: CaseFacts) -> bool:
    return case.awaiting_answer_since is not None and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


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
    force = await configurations.in_force(tx)
    seen = {case_id: as_dict(row) for case_id, row in (await store.lock_cases(tx, case_ids)).items()}
    heard = _Heard(Desk(now), force, seen)
    # What was never heard of has neither work nor clocks.
    heard_of = [case_id for case_id in case_ids if seen[case_id]["revision"]]
    heard.open = {case_id: as_dict(row) for case_id, row in (await store.open_work(tx, heard_of)).items()}
    heard.last = {case_id: as_dict(row) for case_id, row in (await store.last_work(tx, heard_of)).items()}
    heard.last |= heard.open
    heard.book = Book(heard.desk, force, await store.running_clocks(tx, heard_of))
    items = [work["work_item_id"] for work in heard.open.values()]
    heard.offers = {item: as_dict(row) for item, row in (await store.pending_offers(tx, items)).items()}
    if _may_decide(batch, heard.open):
        heard.standing = await known.standing(tx, force, now)
        heard.standings = openness.standings(force, now)
        heard.loads = await openness.loads(tx, force, now)
    for received in batch:
        heard.desk.traceparent = received.envelope.traceparent
        if isinstance(received.event, CaseEvent):
            # When it happened, as its service's clock tells; not in our future.
            heard.case(received.event, min(received.envelope.time or now, now))
        elif isinstance(received.event, ReplySent):
            heard.answered(received.event)
    heard.book.close()
    for row in seen.values():
        # What was written before all that is known of the case answers nothing that is yet to be heard.
        row["answers"] = [one for one in row["answers"] if (one[0] or 1) > row["revision"]]
    heard.desk.seen = [{name: row[name] for name in _SEEN} for row in seen.values()]
    if offering and heard.desk.new_work:
        given_out = openness.given_out(heard.standings)
        await assignment.offer_new(tx, heard.desk, force.configuration, given_out)
    await heard.desk.write(tx)
