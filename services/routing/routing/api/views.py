"""What the HTTP door of routing shows and takes, who may come in, and what its routes stand on."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from fastapi import Depends, Header, Query
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.contracts.agents import Presence
from antiphon.contracts.base import known
from antiphon.contracts.queues import QueueState
from antiphon.http.app import Body, Words
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import require
from antiphon.http.problems import Problem
from antiphon.postgres.query import AnyRow
from antiphon.process.clock import Clock
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain import agent_load
from routing.domain.configuration.agent import Agent
from routing.domain.configuration.agent_policy import WHOLE
from routing.domain.configuration.document import Configuration
from routing.domain.rules.reachability import Kind
from routing.domain.work_item import WorkItem
from routing.queues.live import Live
from routing.work import explain

AgentOnly = Annotated[Identity, Depends(require(Role.AGENT))]
Worker = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Supervisor = Annotated[Identity, Depends(require(Role.SUPERVISOR))]
Operations = Annotated[Identity, Depends(require(Role.OPERATIONS))]
Overseer = Annotated[Identity, Depends(require(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER))]
Reader = Annotated[Identity, Depends(require(*STAFF))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Name = Annotated[Words | None, Query(max_length=200)]
Reason = Annotated[Words, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Match = Annotated[str | None, Header(alias="If-Match", max_length=50)]


def _units(given: int | None) -> int | None:
    return None if given is None or given >= WHOLE else given


class AgentView(BaseModel):
    """An agent: whether they are there, and how much they hold."""

    agent_id: str
    name: str
    presence: Annotated[str, known(Presence)]
    since: datetime | None
    wrap_up_until: datetime | None = Field(None, description="No work is offered until then.")
    queues: list[str]
    skills: dict[str, int]
    capacity: int
    load: int = Field(description="Units of capacity that offers and accepted work take.")
    profiles: list[agent_load.ProfileUse] = Field(description="What they use of each capacity profile.")


class Heartbeat(BaseModel):
    """How the agent stands, whose desktop was just heard of."""

    agent_id: str
    presence: Annotated[str, known(Presence)]
    since: datetime | None


class WorkView(BaseModel):
    """A case's claim on somebody's attention."""

    work_item_id: UUID
    case_id: UUID
    case_reference: str
    customer_id: UUID
    channel: str
    subject: str | None
    state: Literal["queued", "offered", "accepted", "completed"]
    queue: str
    priority: int
    skills: dict[str, int]
    prefer_skills: dict[str, int]
    labels: list[str]
    queued_at: datetime
    due_at: datetime | None
    agent_id: str | None
    attempts: int
    step: int = Field(description="How many steps of its queue it has passed.")
    also_queues: list[str] = Field(description="Whose members are asked, besides its queue's.")
    units: Annotated[int | None, BeforeValidator(_units)] = Field(
        description="Units of capacity that it takes; null: all of an agent's."
    )
    profiles: list[str] = Field(description="The capacity profiles that it counts against.")
    changed_at: datetime
    completed_at: datetime | None


class OfferView(BaseModel):
    """Work that is reserved for an agent until it expires."""

    offer_id: UUID
    expires_at: datetime
    work: WorkView


class WorkWhole(WorkView):
    """A work item with why it went where it went, and why it still waits."""

    decision: explain.DecisionView
    candidates: list[explain.CandidateView]
    waiting_because: str | None = Field(None, description="Why nobody has it yet; null when somebody has.")
    waiting_for: explain.WaitingFor | None = Field(None, description="The same, as one of a few.")
    escalations: list[explain.Escalated]
    coming: list[explain.Coming]
    offers: list[explain.PastOffer]


class NewPresence(Body):
    """One of the presences that the organisation lists; work is offered in those that are routable."""

    presence: Words = Field(
        max_length=100,
        examples=["available"],
        description="Unless listed otherwise: available, busy, away, offline.",
    )


class Decline(Body):
    """Why not."""

    reason: Reason | None = None


class Transfer(Body):
    """To a queue or to one agent."""

    queue: Words | None = Field(None, max_length=100)
    agent_id: Words | None = Field(None, max_length=100)
    note: Reason | None = None


class Assignment(Body):
    """To whom, and why."""

    agent_id: Words = Field(max_length=100)
    reason: Reason | None = None


class TakeBack(Body):
    """Why."""

    reason: Reason


class Urgency(Body):
    """How urgent it is: 0 to 100, higher first, among work that is due at the same time."""

    priority: int = Field(ge=0, le=100, strict=True)
    reason: Reason | None = None


class Completion(Body):
    """Why nothing more is to be done."""

    reason: Reason


class NewQueueState(Body):
    """How a queue is to stand, and why."""

    state: QueueState
    reason: Reason


class QueueStateView(BaseModel):
    """How people set a queue: since when, who and why."""

    queue: str
    state: Annotated[str, known(QueueState)]
    since: datetime
    by: str
    reason: str


class ConfigurationView(BaseModel):
    """A version of the configuration."""

    version: int
    loaded_at: datetime
    loaded_by: str
    source: str


class Loaded(BaseModel):
    """The active version."""

    version: int
    new: bool


class RuleWarningView(BaseModel):
    """What is odd about a rule, at its condition; about all rules when `rule` is null."""

    rule: str | None
    kind: Kind
    message: str
    line: int
    column: int


class Warnings(BaseModel):
    """What is odd about the rules of a draft, as it was at this revision."""

    revision: int
    warnings: list[RuleWarningView]


class Checked(BaseModel):
    """A configuration that could be loaded, and what is odd about its rules."""

    rules: int
    queues: int
    agents: int
    warnings: list[RuleWarningView]


class Counts(BaseModel):
    """Work, offers and clocks by how they stand."""

    work: dict[str, int]
    offers: dict[str, int]
    clocks: dict[str, int]
    dead_letters: int


class Routing(NamedTuple):
    """What the routes stand on."""

    engine: AsyncEngine
    feed: ChangeFeed
    clock: Clock
    configurations: Configurations
    live: Live

    async def active(self, tx: AsyncConnection) -> ActiveVersion:
        """The configuration active, as this transaction sees it."""
        return await self.configurations.active(tx)

    async def view(self, tx: AsyncConnection, agent: Agent) -> AgentView:
        """How an agent stands now."""
        configuration = (await self.active(tx)).configuration
        row = await store.agents.agent(tx, agent.id, configuration.days(self.clock()))
        return agent_view(configuration, agent, row)

    async def agent(self, tx: AsyncConnection, who: Identity) -> Agent:
        """The agent that the token names. Raises Problem 403 when the organisation has none of that id."""
        agent = (await self.active(tx)).configuration.agents_by_id.get(who.subject)
        if agent is None:
            raise Problem(403, "Not allowed", f"{who.subject!r} is not an agent of this organisation.")
        return agent


def agent_view(configuration: Configuration, agent: Agent, row: AnyRow | None) -> AgentView:
    """An agent and how they stand."""
    return AgentView(
        agent_id=agent.id,
        name=agent.name,
        presence=row.presence if row else Presence.OFFLINE.value,
        since=row.since if row else None,
        wrap_up_until=row.wrap_up_until if row else None,
        queues=agent.queues,
        skills=agent.skills,
        capacity=agent.capacity,
        load=agent_load.shown_load(row.load, agent.capacity) if row else 0,
        profiles=agent_load.profiles_used(configuration, agent, row),
    )


def work_view(work: WorkItem) -> WorkView:
    """A work item as the door shows it."""
    return WorkView.model_validate(work, from_attributes=True)


def wrong(pointer: str, detail: str) -> Problem:
    """422 for one value in a body."""
    return Problem(
        422,
        "Invalid input",
        "Some of what was sent can't be used.",
        errors=[{"pointer": pointer, "detail": detail}],
    )
