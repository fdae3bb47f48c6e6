"""Who is there: presence, set by agents themselves or a supervisor."""

from fastapi import APIRouter

from antiphon.contracts.agents import Presence
from antiphon.http.pages import Page
from antiphon.http.problems import not_found, problems
from routing import store
from routing.agents import presence
from routing.api.views import (
    AgentOnly,
    AgentView,
    Heartbeat,
    NewPresence,
    Overseer,
    Routing,
    Supervisor,
    agent_view,
)


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.put("/agents/me/presence", tags=["agents"], responses=problems(400, 403))
    async def set_my_presence(given: NewPresence, who: AgentOnly) -> AgentView:
        """I am here, busy, away, or gone: what the organisation lists. It ends wrapping up.

        Who goes offline loses no work: it returns to its place.
        """
        async with at.engine.begin() as tx:
            agent = await at.agent(tx, who)
            configuration = (await at.active(tx)).configuration
            chosen = presence.require_settable(configuration, given.presence)
            await presence.set_presence(tx, agent, chosen, "set by the agent", at.clock(), configuration)
            return await at.view(tx, agent)

    @routes.post("/agents/me/heartbeat", tags=["agents"])
    async def heartbeat(who: AgentOnly) -> Heartbeat:
        """My desktop is there. Once it has begun to say so, I am offline when it falls silent for too long.

        It does not bring back who is offline: the answer says how I stand.
        """
        async with at.engine.begin() as tx:
            row = await store.agents.heartbeat(tx, who.subject)
            if row is not None:
                return Heartbeat(agent_id=row.agent_id, presence=row.presence, since=row.since)
            agent = await at.agent(tx, who)
            row = await store.agents.agent(tx, agent.id)
            since = row.since if row else None
            return Heartbeat(agent_id=agent.id, presence=Presence.OFFLINE, since=since)

    @routes.get("/agents/me", tags=["agents"])
    async def get_me(who: AgentOnly) -> AgentView:
        """How the organisation knows me, and how I stand."""
        async with at.engine.connect() as connection:
            agent = await at.agent(connection, who)
            return await at.view(connection, agent)

    @routes.get("/agents", tags=["agents"])
    async def list_agents(who: Overseer) -> Page[AgentView]:
        """All agents, by name."""
        del who
        async with at.engine.connect() as connection:
            configuration = (await at.active(connection)).configuration
            rows = await store.agents.agents(connection, configuration.days(at.clock()))
        known = sorted(configuration.agents_by_id.values(), key=lambda agent: agent.name)
        return Page(
            items=[agent_view(configuration, agent, rows.get(agent.id)) for agent in known], next=None
        )

    @routes.put("/agents/{agent_id}/presence", tags=["agents"], responses=problems(400, 403, 404))
    async def set_presence(agent_id: str, given: NewPresence, who: Supervisor) -> AgentView:
        """A supervisor sets an agent's presence, e.g. logs them off."""
        async with at.engine.begin() as tx:
            configuration = (await at.active(tx)).configuration
            agent = configuration.agents_by_id.get(agent_id)
            if agent is None:
                raise not_found("agent")
            chosen = presence.require_settable(configuration, given.presence)
            await presence.set_presence(
                tx, agent, chosen, f"set by supervisor {who.subject}", at.clock(), configuration
            )
            return await at.view(tx, agent)
