"""The explanation of a work item: why it is in its queue, who could take it, and why it still waits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.postgres.query import AnyRow
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.configuration.agent import Agent
from routing.domain.matching.fitting import BUSY, Obstacle, Waiting, WhyNot, in_words, lacking, why_not
from routing.domain.offer import REFUSALS
from routing.domain.queues import escalation
from routing.domain.queues.opening import Opening
from routing.domain.rules.conditions import complete
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.work.assignment import candidate


class RuleOutcome(BaseModel):
    """The result of one rule: `true`, `false` or `error`."""

    rule: str
    result: str
    error: str | None


class DecisionView(BaseModel):
    """The rule that decided, the values it read, and the result of each rule, in order."""

    decision_id: UUID
    version: int
    rule: str
    reason: str
    context: dict[str, object]
    trace: list[RuleOutcome]
    at: datetime
    shadow: dict[str, object] | None = Field(
        description="What the draft that ran as a shadow would have decided; `differs` lists in which values."
    )


class CandidateView(BaseModel):
    """An agent of the queue, and why they can't take the work now, in words; null when they can."""

    agent_id: str
    name: str
    why_not: str | None


class _Member(NamedTuple):
    """An agent of the queue, and why they can't take the work now; None when they can."""

    agent: Agent
    why_not: Obstacle | None

    def view(self) -> CandidateView:
        """The member with the reason in words."""
        why = None if self.why_not is None else in_words(self.why_not)
        return CandidateView(agent_id=self.agent.id, name=self.agent.name, why_not=why)


class PastOffer(BaseModel):
    """An offer of the work item, pending or ended."""

    offer_id: UUID
    agent_id: str
    offered_at: datetime
    expires_at: datetime
    result: str | None
    ended_at: datetime | None
    reason: str | None


DecidedBy = Literal["rules", "reconciliation"]
_WITHOUT_RULES = (
    "The reconciliation found that the case awaited an answer and had no work item. "
    "It queued this one in the fallback queue, and asked no rule."
)

WaitingFor = Literal[
    "hours", "queue", "nobody", "skill", "capacity", "refused", "last-agent", "offer", "soon"
]


class WaitReason(NamedTuple):
    """What work waits for, as one of a few kinds and in words."""

    kind: WaitingFor
    words: str


class Escalated(BaseModel):
    """What happened to the work since it was queued.

    `step`: a step of its queue was taken; `overflow`; `moved`: it could not stay; `redecided`: the customer wrote more.
    """

    kind: str
    step: int | None
    what: str
    at: datetime


class Coming(BaseModel):
    """What happens next if no agent takes the work: a `step`, the `hours` of its queue begin, or it is `due`."""

    at: datetime
    kind: Literal["step", "hours", "due"]
    step: int | None = None
    what: str


class Explained(TypedDict):
    """The parts of a work item's explanation."""

    decided_by: DecidedBy
    decided_because: str
    decision: DecisionView | None
    candidates: list[CandidateView]
    offers: list[PastOffer]
    waiting_because: str | None
    waiting_for: WaitingFor | None
    escalations: list[Escalated]
    coming: list[Coming]


async def explain(
    connection: AsyncConnection, work: WorkItem, active: ActiveVersion, now: datetime
) -> Explained:
    """Explains a work item as of `now`."""
    decision = await _decision(connection, work)
    offers = await store.offers.of_work(connection, work.work_item_id)
    agent_rows = await store.agents.agents(connection, active.configuration.days(now))
    refused = {offer.agent_id: offer.ended_at for offer in offers if offer.result in REFUSALS}
    item = work.to_waiting(refused)
    openings = opening.openings(active, now)
    queue_opening, open_queues = openings.get(work.queue), opening.open_queues(openings)
    escalations = await store.escalations.of_work(connection, work.work_item_id)
    members = [
        _Member(agent, _obstacle(agent, item, active, agent_rows, open_queues, now))
        for agent in active.configuration.agents_by_id.values()
        if not work.queues.isdisjoint(agent.queues)
    ]
    reason = (
        _not_given_out(work, queue_opening, open_queues)
        or _held(item, work, members, now)
        or _waiting(item, work, members, offers, now)
    )
    return {
        "decided_by": "rules" if decision else "reconciliation",
        "decided_because": decision.reason if decision else _WITHOUT_RULES,
        "decision": decision,
        "candidates": [member.view() for member in members],
        "offers": [PastOffer.model_validate(offer, from_attributes=True) for offer in offers],
        "waiting_because": reason.words if reason else None,
        "waiting_for": reason.kind if reason else None,
        "escalations": [Escalated.model_validate(row, from_attributes=True) for row in escalations],
        "coming": _coming(work, active, queue_opening),
    }


async def _decision(connection: AsyncConnection, work: WorkItem) -> DecisionView | None:
    if work.decision_id is None:
        return None
    row = await store.decisions.get(connection, work.decision_id)
    view = DecisionView.model_validate(row, from_attributes=True)
    return view.model_copy(update={"context": complete(view.context)}) if view.context else view


def _obstacle(
    agent: Agent, item: Waiting, active: ActiveVersion, agent_rows: dict[str, AnyRow], open_queues: Collection[str],
    now: datetime,
) -> Obstacle | None:  # fmt: skip
    row = agent_rows.get(agent.id)
    presence = row.presence if row else Presence.OFFLINE.value
    if row is None or presence not in active.configuration.routable:
        return Obstacle(WhyNot.PRESENCE, presence=presence)
    if row.wrap_up_until is not None and row.wrap_up_until > now:
        return Obstacle(WhyNot.WRAP_UP, until=row.wrap_up_until)
    if item.queues.intersection(agent.queues).isdisjoint(open_queues):
        return Obstacle(WhyNot.QUEUE_CLOSED)
    current = candidate(active.configuration, row, now)
    obstacle = why_not(item, current)
    if obstacle is None and current.offers < 1:
        return Obstacle(WhyNot.RAMP_UP, until=row.ramp_up_until)
    if obstacle is None and agent.id in item.refused:
        return Obstacle(WhyNot.REFUSED)
    return obstacle


def _not_given_out(
    work: WorkItem, queue_opening: Opening | None, open_queues: frozenset[str]
) -> WaitReason | None:
    if work.state != WorkState.QUEUED or not open_queues.isdisjoint(work.queues):
        return None
    if queue_opening is None:
        return WaitReason(
            "queue", f"there is no queue {work.queue!r}: the review is about to move it to another"
        )
    kind = "hours" if queue_opening.opens_at is not None else "queue"
    return WaitReason(kind, queue_opening.why or "")


def _held(item: Waiting, work: WorkItem, members: Sequence[_Member], now: datetime) -> WaitReason | None:
    if work.state != WorkState.QUEUED or item.hold_until is None or item.hold_until <= now:
        return None
    for agent, why in members:
        if (
            why is not None
            and why.kind in BUSY
            and agent.id == item.preferred
            and agent.id not in item.refused
        ):
            busy = f"{agent.name} answered this customer last and is busy ({in_words(why)})"
            words = f"held until {item.hold_until:%H:%M:%S}: {busy}; then for anybody"
            return WaitReason("last-agent", words)
    return None


def _waiting(
    item: Waiting, work: WorkItem, members: Sequence[_Member], offers: Sequence[AnyRow], now: datetime
) -> WaitReason | None:
    if work.state == WorkState.OFFERED:
        pending = [offer for offer in offers if offer.result is None]
        if not pending:
            return None
        offer = pending[-1]
        return WaitReason("offer", f"offered to {offer.agent_name} until {offer.expires_at:%H:%M:%S}")
    return _unoffered(item, work, members, now) if work.state == WorkState.QUEUED else None


def _unoffered(item: Waiting, work: WorkItem, members: Sequence[_Member], now: datetime) -> WaitReason:
    obstacles = [member.why_not for member in members if member.why_not is not None]
    reasons = sorted({in_words(obstacle) for obstacle in obstacles})
    if not members:
        return WaitReason("nobody", "the queue has no agents")
    if all(lacking(item, member.agent) for member in members):
        needs = ", ".join(f"{skill} {level}" for skill, level in item.needs.items())
        return WaitReason("skill", f"no agent of the queue has all that it needs: {needs}")
    present = [obstacle for obstacle in obstacles if obstacle.kind is not WhyNot.PRESENCE]
    if len(obstacles) == len(members) and not present:
        return WaitReason("nobody", f"nobody of the queue is available ({', '.join(reasons)})")
    if len(obstacles) == len(members):
        busy = "capacity" if any(obstacle.kind in BUSY for obstacle in present) else "refused"
        kind = "skill" if all(obstacle.kind is WhyNot.SKILLS for obstacle in present) else busy
        return WaitReason(kind, f"nobody can take it now: {'; '.join(reasons)}")
    waited = int((now - work.changed_at).total_seconds())
    return WaitReason("soon", f"it is about to be offered ({waited} s)")


def _coming(work: WorkItem, active: ActiveVersion, queue_opening: Opening | None) -> list[Coming]:
    """What happens next to work that no agent takes, in the order of time."""
    if not work.waits:
        return []
    configuration = active.configuration
    coming: list[Coming] = []
    steps = configuration.queues[work.queue].steps if work.queue in configuration.queues else []
    for number in range(work.step, len(steps)):
        at = work.next_step_at
        if number > work.step:
            since = work.steps_from or work.queued_at
            at = escalation.due(configuration, active.calendars, work.queue, number, since)
        if at is not None:
            what = escalation.words(steps[number], configuration)
            coming.append(Coming(at=at, kind="step", step=number + 1, what=what))
    if queue_opening is not None and queue_opening.opens_at is not None:
        name = configuration.queues[work.queue].name
        coming.append(Coming(at=queue_opening.opens_at, kind="hours", what=f"the hours of {name} begin"))
    if work.due_at is not None:
        coming.append(Coming(at=work.due_at, kind="due", what="the customer was promised an answer by then"))
    return sorted(coming, key=lambda event: event.at)
