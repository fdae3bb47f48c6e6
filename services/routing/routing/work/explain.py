"""Why work went where it went, and why it still waits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.postgres.query import AnyRow
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.configuration.agent import Agent
from routing.domain.matching.eligibility import (
    BUSY,
    Obstacle,
    Waiting,
    WhyNot,
    in_words,
    missing_skills,
    why_not,
)
from routing.domain.offer import REFUSALS
from routing.domain.queues import escalation
from routing.domain.queues.opening import Opening
from routing.domain.rules.conditions import complete
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.work.assignment import candidate


class RuleOutcome(BaseModel):
    """What one rule said: `true`, `false` or `error`."""

    rule: str
    result: str
    error: str | None


class DecisionView(BaseModel):
    """The rule that decided, the values it saw, and what every rule said, in order."""

    decision_id: UUID
    version: int
    rule: str
    reason: str
    context: dict[str, object]
    trace: list[RuleOutcome]
    at: datetime
    shadow: dict[str, object] | None = Field(
        description="What a draft would have decided that ran beside; `differs` says in what. It never acted."
    )


class CandidateView(BaseModel):
    """An agent of the queue, and why they can't take the work now; null when they can."""

    agent_id: str
    name: str
    why_not: str | None


class _Member(NamedTuple):
    """An agent of the queue, and why they can't take the work now; None when they can."""

    agent: Agent
    why_not: Obstacle | None

    def view(self) -> CandidateView:
        """As people are shown it."""
        why = None if self.why_not is None else in_words(self.why_not)
        return CandidateView(agent_id=self.agent.id, name=self.agent.name, why_not=why)


class PastOffer(BaseModel):
    """An offer that was made."""

    offer_id: UUID
    agent_id: str
    offered_at: datetime
    expires_at: datetime
    result: str | None
    ended_at: datetime | None
    reason: str | None


WaitingFor = Literal[
    "hours", "queue", "nobody", "skill", "capacity", "refused", "last-agent", "offer", "soon"
]


class Because(NamedTuple):
    """What work waits for, and in words."""

    kind: WaitingFor
    words: str


class Escalated(BaseModel):
    """What happened to the work since it was queued.

    `step`: one of its queue; `overflow`; `moved`, as it could not stay; `redecided`, as the customer said more.
    """

    kind: str
    step: int | None
    what: str
    at: datetime


class Coming(BaseModel):
    """What comes when, if nobody takes the work: a `step`, the `hours` of its queue, or it is `due`."""

    at: datetime
    kind: Literal["step", "hours", "due"]
    step: int | None = None
    what: str


class Explained(TypedDict):
    """The parts of a work item's explanation."""

    decision: DecisionView
    candidates: list[CandidateView]
    offers: list[PastOffer]
    waiting_because: str | None
    waiting_for: WaitingFor | None
    escalations: list[Escalated]
    coming: list[Coming]


async def explain(
    connection: AsyncConnection, work: WorkItem, active: ActiveVersion, now: datetime
) -> Explained:
    """The parts of a work item's explanation, as of now."""
    d, o = store.decisions.DECISION, store.offers.OFFER
    decision = (await connection.execute(select(d).where(d.c.decision_id == work.decision_id))).one()
    offers = (
        await connection.execute(
            select(o).where(o.c.work_item_id == work.work_item_id).order_by(o.c.offered_at)
        )
    ).all()
    present = await store.agents.agents(connection, active.configuration.days(now))
    refused = {offer.agent_id: offer.ended_at for offer in offers if offer.result in REFUSALS}
    item = work.to_waiting(refused)
    everywhere = opening.openings(active, now)
    stands, given_out = everywhere.get(work.queue), opening.given_out(everywhere)
    e = store.escalations.ESCALATION
    passed = await connection.execute(
        select(e).where(e.c.work_item_id == work.work_item_id).order_by(e.c.escalation_id)
    )
    members = [
        _Member(agent, _why(agent, item, active, present, given_out, now))
        for agent in active.configuration.agents_by_id.values()
        if not work.queues.isdisjoint(agent.queues)
    ]
    because = (
        _not_given_out(work, stands, given_out)
        or _held(item, work, members, now)
        or _waiting(item, work, members, offers, now)
    )
    return {
        "decision": _decision(decision),
        "candidates": [one.view() for one in members],
        "offers": [PastOffer.model_validate(offer, from_attributes=True) for offer in offers],
        "waiting_because": because.words if because else None,
        "waiting_for": because.kind if because else None,
        "escalations": [Escalated.model_validate(row, from_attributes=True) for row in passed],
        "coming": _coming(work, active, stands),
    }


def _decision(row: AnyRow) -> DecisionView:
    found = DecisionView.model_validate(row, from_attributes=True)
    return found.model_copy(update={"context": complete(found.context)}) if found.context else found


def _why(
    agent: Agent, item: Waiting, active: ActiveVersion, present: dict[str, AnyRow], given_out: Collection[str], now: datetime
) -> Obstacle | None:  # fmt: skip
    row = present.get(agent.id)
    presence = row.presence if row else Presence.OFFLINE.value
    if row is None or presence not in active.configuration.routable:
        return Obstacle(WhyNot.PRESENCE, presence=presence)
    if row.wrap_up_until is not None and row.wrap_up_until > now:
        return Obstacle(WhyNot.WRAP_UP, until=row.wrap_up_until)
    if item.queues.intersection(agent.queues).isdisjoint(given_out):
        return Obstacle(WhyNot.QUEUE_CLOSED)
    stands = candidate(active.configuration, row, now)
    reason = why_not(item, stands)
    if reason is None and stands.offers < 1:
        return Obstacle(WhyNot.RAMP_UP, until=row.ramp_up_until)
    if reason is None and agent.id in item.refused:
        return Obstacle(WhyNot.REFUSED)
    return reason


def _not_given_out(work: WorkItem, stands: Opening | None, given_out: frozenset[str]) -> Because | None:
    if work.state != WorkState.QUEUED or not given_out.isdisjoint(work.queues):
        return None
    if stands is None:
        return Because("queue", f"there is no queue {work.queue!r}: it is about to be put into another")
    return Because("hours" if stands.opens_at is not None else "queue", stands.why or "")


def _held(item: Waiting, work: WorkItem, members: Sequence[_Member], now: datetime) -> Because | None:
    if work.state != WorkState.QUEUED or item.hold_until is None or item.hold_until <= now:
        return None
    for agent, why in members:
        if (
            why is not None
            and why.kind in BUSY
            and agent.id == item.preferred
            and agent.id not in item.refused
        ):
            told = f"{agent.name} answered this customer last and is busy ({in_words(why)})"
            return Because("last-agent", f"held until {item.hold_until:%H:%M:%S}: {told}; then for anybody")
    return None


def _waiting(
    item: Waiting, work: WorkItem, members: Sequence[_Member], offers: Sequence[AnyRow], now: datetime
) -> Because | None:
    if work.state == WorkState.OFFERED:
        pending = [offer for offer in offers if offer.result is None]
        told = (
            f"offered to {pending[-1].agent_name} until {pending[-1].expires_at:%H:%M:%S}" if pending else ""
        )
        return Because("offer", told) if told else None
    return _unoffered(item, work, members, now) if work.state == WorkState.QUEUED else None


def _unoffered(item: Waiting, work: WorkItem, members: Sequence[_Member], now: datetime) -> Because:
    obstacles = [one.why_not for one in members if one.why_not is not None]
    reasons = sorted({in_words(one) for one in obstacles})
    if not members:
        return Because("nobody", "the queue has no agents")
    if all(missing_skills(item, one.agent) for one in members):
        needs = ", ".join(f"{skill} {level}" for skill, level in item.needs.items())
        return Because("skill", f"no agent of the queue has all that it needs: {needs}")
    there = [one for one in obstacles if one.kind is not WhyNot.PRESENCE]
    if len(obstacles) == len(members) and not there:
        return Because("nobody", f"nobody of the queue is available ({', '.join(reasons)})")
    if len(obstacles) == len(members):
        busy = "capacity" if any(one.kind in BUSY for one in there) else "refused"
        kind = "skill" if all(one.kind is WhyNot.SKILLS for one in there) else busy
        return Because(kind, f"nobody can take it now: {'; '.join(reasons)}")
    waited = int((now - work.changed_at).total_seconds())
    return Because("soon", f"it is about to be offered ({waited} s)")


def _coming(work: WorkItem, active: ActiveVersion, stands: Opening | None) -> list[Coming]:
    """What happens to work that waits if nobody takes it, the first first."""
    if not work.waits:
        return []
    configuration = active.configuration
    found: list[Coming] = []
    steps = configuration.queues[work.queue].steps if work.queue in configuration.queues else []
    for number in range(work.step, len(steps)):
        at = work.next_step_at
        if number > work.step:
            since = work.steps_from or work.queued_at
            at = escalation.next_step_due(configuration, active.calendars, work.queue, number, since)
        if at is not None:
            what = escalation.step_in_words(steps[number], configuration)
            found.append(Coming(at=at, kind="step", step=number + 1, what=what))
    if stands is not None and stands.opens_at is not None:
        name = configuration.queues[work.queue].name
        found.append(Coming(at=stands.opens_at, kind="hours", what=f"the hours of {name} begin"))
    if work.due_at is not None:
        found.append(Coming(at=work.due_at, kind="due", what="the customer was promised an answer by then"))
    return sorted(found, key=lambda coming: coming.at)
