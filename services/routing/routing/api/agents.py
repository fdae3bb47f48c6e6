"""Agents: who is present and how much they hold; their presence, their heartbeat, and the next work for them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import known
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Page
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found, problems
from antiphon.organisation.agent import Agent, Away
from antiphon.postgres.query import AnyRow
from routing import store
from routing.agents import presence
from routing.api.parameters import AgentId, AgentOnly, Api, Overseer, Supervisor
from routing.api.work_views import WorkView, work_view
from routing.domain import agent_load
from routing.domain.configuration.document import Configuration
from routing.domain.configuration.roster import why_no_agent
from routing.work import pulling


class AgentView(BaseModel):
    """An agent: whether they are present, and how much they hold."""

    agent_id: str = Field(description="The agent's id in the configuration.", examples=["elena"])
    name: str = Field(description="The agent's name.", examples=["Elena Rossi"])
    presence: Annotated[str, known(Presence)] = Field(
        description="A presence that the organisation lists.", examples=["available"]
    )
    since: datetime | None = Field(description="When this presence began; null for one never set.")
    wrap_up_until: datetime | None = Field(
        None, description="No work is offered before then: the agent wraps up."
    )
    away: Away | None = Field(
        None,
        description="Why the agent is offered nothing at this time; null for who is neither absent nor off shift.",
    )
    queues: list[str] = Field(
        description="The queues whose work the agent is offered.", examples=[["planning"]]
    )
    skills: dict[str, int] = Field(
        description="The level of each skill, from 1 to 10.", examples=[{"planning": 7}]
    )
    capacity: int = Field(description="Units of work that the agent can hold.", examples=[5])
    load: int = Field(description="Units of capacity that offers and accepted work take.", examples=[2])
    profiles: list[agent_load.ProfileUse] = Field(
        description="What the agent uses of each capacity profile.",
        examples=[[{"profile": "phone", "name": "Phone calls", "used": 0, "most": 1}]],
    )


class PresenceChoice(BaseModel):
    """A presence that agents may choose."""

    id: str = Field(description="The id of the presence.", examples=["available"])
    name: str = Field(description="Its name.", examples=["Available"])
    routable: bool = Field(description="Whether agents are offered work in it.", examples=[True])


class OwnAgentView(AgentView):
    """The caller as an agent, with what they may choose."""

    presences: list[PresenceChoice] = Field(
        description="The presences that the caller may choose, in the order of the configuration."
    )
    presence_lost_after_s: float = Field(
        description="After how many seconds without a heartbeat the caller is offline, once their desktop sent one.",
        examples=[60],
    )


class Heartbeat(BaseModel):
    """The presence of the agent whose desktop sent a heartbeat."""

    agent_id: str = Field(description="The agent's id in the configuration.", examples=["elena"])
    presence: Annotated[str, known(Presence)] = Field(
        description="The agent's presence; a heartbeat does not change it.", examples=["available"]
    )
    since: datetime | None = Field(description="When this presence began; null for one never set.")


class NewPresence(Body):
    """One of the presences that the organisation lists; work is offered in those that are routable."""

    presence: Words = Field(
        max_length=100,
        examples=["available"],
        description="Unless listed otherwise: available, busy, away, offline.",
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.put("/agents/me/presence", tags=["agents"], responses=problems(400, 403))
    async def set_own_presence(body: NewPresence, caller: AgentOnly) -> AgentView:
        """Sets the caller's presence, and ends their wrap-up.

        An agent who goes offline gives back accepted work: it returns to its place in the queue.
        """
        async with at.engine.begin() as tx:
            agent = await at.agent(tx, caller)
            configuration = (await at.active(tx)).configuration
            return await _set(tx, at, configuration, agent, body.presence, "set by the agent")

    @routes.post("/agents/me/heartbeat", tags=["agents"])
    async def send_heartbeat(caller: AgentOnly, tx: OnceTx) -> Heartbeat:
        """Reports that the caller's desktop runs. After the first heartbeat, routing sets an agent offline who sends none for too long.

        A heartbeat does not change presence: the answer states it.
        """
        row = await store.agents.heartbeat(tx, caller.subject)
        if row is not None:
            return Heartbeat(agent_id=row.agent_id, presence=row.presence, since=row.since)
        agent = await at.agent(tx, caller)
        row = await store.agents.agent(tx, agent.id)
        since = row.since if row else None
        return Heartbeat(agent_id=agent.id, presence=Presence.OFFLINE, since=since)

    @routes.post(
        "/agents/me/next",
        tags=["work"],
        response_model=WorkView,
        responses={204: {"description": "No waiting work suits the caller."}, **problems(409)},
    )
    async def take_next_work(caller: AgentOnly, tx: OnceTx) -> WorkView | Response:
        """Gives the caller the best waiting work that suits them, accepted. 409 when they are offline or full."""
        agent = await at.agent(tx, caller)
        work = await pulling.take_next(tx, await at.active(tx), agent, at.clock())
        return work_view(work) if work else Response(status_code=204)

    @routes.get("/agents/me", tags=["agents"])
    async def get_own_agent(caller: AgentOnly) -> OwnAgentView:
        """The caller as an agent, with the presences that they may choose."""
        async with at.engine.connect() as connection:
            agent = await at.agent(connection, caller)
            configuration = (await at.active(connection)).configuration
            view = await _read(connection, at, configuration, agent)
        choices = [
            PresenceChoice(id=kind.id, name=kind.name, routable=kind.routable)
            for kind in configuration.presences_by_id.values()
            if kind.settable
        ]
        lost_after = configuration.agents_policy.presence_lost_after.total_seconds()
        return OwnAgentView(**view.model_dump(), presences=choices, presence_lost_after_s=lost_after)

    @routes.get("/agents", tags=["agents"])
    async def list_agents(_caller: Overseer) -> Page[AgentView]:
        """All who are agents at this time, by name, on one page."""
        async with at.engine.connect() as connection:
            configuration = (await at.active(connection)).configuration
            rows = await store.agents.agents(connection, configuration.days(at.clock()))
        agents = sorted(configuration.agents_by_id.values(), key=lambda agent: agent.name)
        return Page(items=[_view(configuration, agent, rows.get(agent.id)) for agent in agents], next=None)

    @routes.put("/agents/{agent_id}/presence", tags=["agents"], responses=problems(400, 403, 404, 409))
    async def set_agent_presence(agent_id: AgentId, body: NewPresence, caller: Supervisor) -> AgentView:
        """Sets the presence of any agent, for example to log them off. 409 for a person who is no agent at this time."""
        async with at.engine.begin() as tx:
            configuration = (await at.active(tx)).configuration
            agent = configuration.agents_by_id.get(agent_id)
            if agent is None and agent_id in configuration.people_by_id:
                raise Problem(Kind.PERSON_IS_NO_AGENT, why_no_agent(configuration, agent_id, at.clock()))
            if agent is None:
                raise not_found("agent")
            reason = f"set by supervisor {caller.subject}"
            return await _set(tx, at, configuration, agent, body.presence, reason)


async def _set(
    tx: AsyncConnection, at: Api, configuration: Configuration, agent: Agent, chosen: str, reason: str
) -> AgentView:
    chosen = presence.require_settable(configuration, chosen)
    await presence.set_presence(tx, agent, chosen, reason, at.clock(), configuration)
    return await _read(tx, at, configuration, agent)


async def _read(tx: AsyncConnection, at: Api, configuration: Configuration, agent: Agent) -> AgentView:
    row = await store.agents.agent(tx, agent.id, configuration.days(at.clock()))
    return _view(configuration, agent, row)


def _view(configuration: Configuration, agent: Agent, row: AnyRow | None) -> AgentView:
    return AgentView(
        agent_id=agent.id,
        name=agent.name,
        presence=row.presence if row else Presence.OFFLINE.value,
        since=row.since if row else None,
        wrap_up_until=row.wrap_up_until if row else None,
        away=agent.away,
        queues=list(agent.queues),
        skills=dict(agent.skills),
        capacity=agent.capacity,
        load=agent_load.shown_load(row.load, agent.capacity) if row else 0,
        profiles=agent_load.profiles_used(configuration, agent, row),
    )
