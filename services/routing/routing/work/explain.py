"""The explanation of a work item: why it is in its queue, who could take it, and why it still waits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypedDict
from uuid import UUID

from pydantic import AliasChoices, BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.organisation.agent import Agent
from antiphon.postgres.query import AnyRow
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.matching.eligibility import (
    BUSY,
    NOT_THERE,
    Obstacle,
    Waiting,
    WhyNot,
    in_words,
    missing_skills,
    not_there,
    why_not,
)
from routing.domain.offer import REFUSALS, OfferResult
from routing.domain.queues import escalation
from routing.domain.queues.opening import Opening
from routing.domain.rules.conditions import WORDS, complete
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.work.offering import candidate


class RuleOutcome(BaseModel):
    """The result of one rule's condition."""

    rule: str = Field(description="The rule's name.", examples=["Objections"])
    result: str = Field(
        description="`true`, `false`, `error`, or `not-asked`: the rule is for first words only and these came later, or a trial "
        "found its words no longer kept.",
        examples=["true"],
    )
    error: str | None = Field(description="Why the condition failed.", examples=[None])


class WorkValues(BaseModel):
    """What rules decide about open work, before or after a decision."""

    queue: str = Field(description="The id of its queue.", examples=["front-desk"])
    priority: int = Field(description="Its priority, 0 to 100.", examples=[30])
    skills: dict[str, int] = Field(description="The level of each skill that an agent needs.", examples=[{}])
    prefer_skills: dict[str, int] = Field(
        description="The level of each skill that is preferred and not needed.", examples=[{}]
    )
    labels: list[str] = Field(description="Labels that rules put on it.", examples=[["storm"]])
    due_at: datetime | None = Field(description="When its nearest promise was due; null without one.")


class DecisionSummary(BaseModel):
    """The rule that decided, and what it changed.

    `before` and `after` are the work's values when later words of the customer changed it; null when the decision made it.
    """

    decision_id: UUID = Field(description="The decision's id.")
    configuration_version: int = Field(
        # The column of a row is named `version`.
        validation_alias=AliasChoices("configuration_version", "version"),
        description="The version of the configuration that decided.",
        examples=[12],
    )
    rule: str = Field(description="The rule that decided.", examples=["Planning"])
    reason: str = Field(
        description="Why the work is in its queue, in words.", examples=["rule 'Planning' matched"]
    )
    at: datetime = Field(description="When it was decided.")
    before: WorkValues | None = Field(description="The work before the decision; null when it made the work.")
    after: WorkValues | None = Field(description="The work after the decision; null when it made the work.")


class DecisionView(DecisionSummary):
    """A decision with the facts that rules read, and the result of every rule."""

    context: dict[str, object] = Field(
        description="The facts that rules read. Without words when `has_words` is false.",
        examples=[{"case.department": "planning", "interaction.channel": "email"}],
    )
    trace: list[RuleOutcome] = Field(description="The result of every rule, in order.")
    shadow: dict[str, object] | None = Field(
        description="What a draft in the shadow would have decided, without effect; `differs` lists in what.",
        examples=[None],
    )
    has_words: bool = Field(
        description="Whether the words that it was made on are kept. They are not after the customer edited or deleted one of "
        "them, and not long after the case was answered."
    )


class CandidateView(BaseModel):
    """An agent of the queue, and why they can't take the work now."""

    agent_id: str = Field(description="The agent's id in the configuration.", examples=["elena"])
    name: str = Field(description="The agent's name.", examples=["Elena Rossi"])
    why_not: str | None = Field(
        description="Why they can't take the work now; null when they can.", examples=["offline"]
    )
    why_not_kind: WhyNot | None = Field(
        description="`why_not` as one of a few values, for programs.", examples=["presence"]
    )


class Member(NamedTuple):
    """An agent of the queue, and why they can't take the work now; None when they can."""

    agent: Agent
    why_not: Obstacle | None

    def view(self) -> CandidateView:
        """The member with the reason in words."""
        why = None if self.why_not is None else in_words(self.why_not)
        kind = None if self.why_not is None else self.why_not.kind
        return CandidateView(agent_id=self.agent.id, name=self.agent.name, why_not=why, why_not_kind=kind)


class PastOffer(BaseModel):
    """An offer of the work item, pending or ended."""

    offer_id: UUID = Field(description="The offer's id.")
    agent_id: str = Field(description="The agent who got the offer.", examples=["elena"])
    offered_at: datetime = Field(description="When the offer was made.")
    expires_at: datetime = Field(description="When it ends without an answer.")
    result: str | None = Field(
        description=f"{', '.join(result.value for result in OfferResult)}; null while it waits for an answer.",
        examples=["declined"],
    )
    ended_at: datetime | None = Field(description="When it ended.")
    reason: str | None = Field(description="Why it ended so.", examples=["I know the customer"])


DecidedBy = Literal["rules", "reconciliation"]
_WITHOUT_RULES = (
    "The reconciliation found that the case awaited an answer and had no open work item. "
    "It queued this one, and asked no rule."
)

WaitingFor = Literal[
    "hours", "queue", "nobody", "skill", "capacity", "refused", "last-agent", "hand-over", "offer", "soon"
]


class WaitReason(NamedTuple):
    """What work waits for, as one of a few kinds and in words."""

    kind: WaitingFor
    words: str


class Escalated(BaseModel):
    """An escalation: what happened to the work since it was queued."""

    kind: str = Field(
        description=(
            "`step`: it passed a step of its queue. `overflow`: another queue took it. `moved`: its queue is no longer there. "
            "`redecided`: the customer wrote more, and the rules decided again."
        ),
        examples=["step"],
    )
    step: int | None = Field(description="The number of the step, from 1.", examples=[1])
    what: str = Field(description="What happened, in words.", examples=["priority 80"])
    at: datetime = Field(description="When it happened.")


class Coming(BaseModel):
    """What happens next if nobody takes the work."""

    at: datetime = Field(description="When it happens.")
    kind: Literal["step", "hours", "due"] = Field(
        description="A step of its queue, the queue's hours begin, or the work is due."
    )
    step: int | None = Field(default=None, description="The number of the step, from 1.")
    what: str = Field(description="What happens, in words.", examples=["the hours of Planning begin"])


class Explained(TypedDict):
    """The parts of a work item's explanation."""

    decided_by: DecidedBy
    decided_because: str
    decision: DecisionView | None
    decisions: list[DecisionSummary]
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
    decisions = await store.decisions.of_work(connection, work.work_item_id)
    offers = await store.offers.of_work(connection, work.work_item_id)
    agent_rows = await store.agents.agents(connection, active.configuration.days(now))
    refused = {offer.agent_id: offer.ended_at for offer in offers if offer.result in REFUSALS}
    situation = Situation(active, agent_rows, opening.openings(active, now), now)
    escalations = await store.escalations.of_work(connection, work.work_item_id)
    members = situation.members(work, refused)
    pending = next((offer for offer in offers if offer.result is None), None)
    reason = situation.reason(work, refused, members, pending)
    return {
        "decided_by": "rules" if decision else "reconciliation",
        "decided_because": decision.reason if decision else _WITHOUT_RULES,
        "decision": decision,
        "decisions": [DecisionSummary.model_validate(row, from_attributes=True) for row in decisions],
        "candidates": [member.view() for member in members],
        "offers": [PastOffer.model_validate(offer, from_attributes=True) for offer in offers],
        "waiting_because": reason.words if reason else None,
        "waiting_for": reason.kind if reason else None,
        "escalations": [Escalated.model_validate(row, from_attributes=True) for row in escalations],
        "coming": _coming(work, active, situation.openings.get(work.queue)),
    }


class Situation(NamedTuple):
    """The agents and queues at a moment, by which it is said why work waits. `agent_rows` are those of `store.agents`."""

    active: ActiveVersion
    agent_rows: Mapping[str, AnyRow]
    openings: Mapping[str, Opening]
    now: datetime

    def members(self, work: WorkItem, refused: Mapping[str, datetime]) -> list[Member]:
        """The agents of the work's queues. `refused` has those who refused it, and when."""
        item, open_queues = work.to_waiting(self.now, refused), opening.open_queues(self.openings)
        return [
            Member(agent, obstacle_of(agent, item, self.active, self.agent_rows, open_queues, self.now))
            for agent in self.active.configuration.agents_by_id.values()
            if not work.queues.isdisjoint(agent.queues)
        ]

    def reason(
        self,
        work: WorkItem,
        refused: Mapping[str, datetime],
        members: Sequence[Member],
        pending: AnyRow | None = None,
    ) -> WaitReason | None:
        """Why nobody has the work; None when somebody has. `pending` is the offer that waits for an answer."""
        item, open_queues = work.to_waiting(self.now, refused), opening.open_queues(self.openings)
        return (
            _handed_over(work, self.active, self.agent_rows, self.now)
            or _not_given_out(work, self.openings.get(work.queue), open_queues)
            or _held(item, work, members, self.now)
            or _waiting(item, work, members, pending, self.now)
        )


async def _decision(connection: AsyncConnection, work: WorkItem) -> DecisionView | None:
    if work.decision_id is None:
        return None
    row = await store.decisions.get(connection, work.decision_id)
    view = DecisionView.model_validate(row, from_attributes=True)
    if not view.context:
        return view
    context = complete(view.context)
    if not view.has_words:
        context = {name: value for name, value in context.items() if name not in WORDS}
    return view.model_copy(update={"context": context})


def obstacle_of(  # noqa: PLR0911 - one obstacle a line
    agent: Agent, item: Waiting, active: ActiveVersion, agent_rows: Mapping[str, AnyRow], open_queues: Collection[str],
    now: datetime,
) -> Obstacle | None:  # fmt: skip
    """Why an agent can't be offered the item now; None when they can."""
    if agent.away is not None:
        return not_there(agent.away)
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


def _handed_over(
    work: WorkItem, active: ActiveVersion, agent_rows: Mapping[str, AnyRow], now: datetime
) -> WaitReason | None:
    agent_id = work.held_for(now)
    if work.state != WorkState.QUEUED or agent_id is None:
        return None
    agent, row = active.configuration.agents_by_id.get(agent_id), agent_rows.get(agent_id)
    name = agent.name if agent else agent_id
    presence = row.presence if row else Presence.OFFLINE.value
    why = presence if presence not in active.configuration.routable else "busy"
    words = f"handed over to {name}, who is {why}: held for them until {work.hold_until:%H:%M:%S}; then for anybody"
    return WaitReason("hand-over", words)


def _held(item: Waiting, work: WorkItem, members: Sequence[Member], now: datetime) -> WaitReason | None:
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
    item: Waiting, work: WorkItem, members: Sequence[Member], pending: AnyRow | None, now: datetime
) -> WaitReason | None:
    if work.state == WorkState.OFFERED and pending is not None:
        return WaitReason("offer", f"offered to {pending.agent_name} until {pending.expires_at:%H:%M:%S}")
    return _unoffered(item, work, members, now) if work.state == WorkState.QUEUED else None


def _unoffered(item: Waiting, work: WorkItem, members: Sequence[Member], now: datetime) -> WaitReason:
    obstacles = [member.why_not for member in members if member.why_not is not None]
    reasons = sorted({in_words(obstacle) for obstacle in obstacles})
    if not members:
        return WaitReason("nobody", "the queue has no agents")
    if all(missing_skills(item, member.agent) for member in members):
        needs = ", ".join(f"{skill} {level}" for skill, level in item.needs.items())
        return WaitReason("skill", f"no agent of the queue has all that it needs: {needs}")
    present = [obstacle for obstacle in obstacles if obstacle.kind not in NOT_THERE]
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
            at = escalation.next_step_due(configuration, active.calendars, work.queue, number, since)
        if at is not None:
            what = escalation.step_in_words(steps[number], configuration)
            coming.append(Coming(at=at, kind="step", step=number + 1, what=what))
    if queue_opening is not None and queue_opening.opens_at is not None:
        name = configuration.queues[work.queue].name
        coming.append(Coming(at=queue_opening.opens_at, kind="hours", what=f"the hours of {name} begin"))
    if work.due_at is not None:
        coming.append(Coming(at=work.due_at, kind="due", what="the customer was promised an answer by then"))
    return sorted(coming, key=lambda event: event.at)
