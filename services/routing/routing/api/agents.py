"""Who is there: presence, set by agents themselves or a supervisor."""

from fastapi import APIRouter

from antiphon.contracts.agents import Presence
from antiphon.pages import Page
from antiphon.problems import not_found, problems
from routing import presence, store
from routing.api.views import AgentOnly, AgentView, NewPresence, Overseer, Routing, Supervisor, agent_view


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.put("/agents/me/presence", tags=["agents"], responses=problems(400))
    async def set_my_presence(given: NewPresence, who: AgentOnly) -> AgentView:
        """I am here, busy, away, or gone. Who goes offline loses no work: it returns to its place."""
        async with at.engine.begin() as tx:
            agent = await at.agent(tx, who)
            await presence.set_presence(tx, agent, Presence(given.presence), "set by the agent", at.clock())
            return agent_view(agent, (await store.agents(tx)).get(agent.id))

    @routes.get("/agents/me", tags=["agents"])
    async def get_me(who: AgentOnly) -> AgentView:
        """How the organisation knows me, and how I stand."""
        async with at.engine.connect() as connection:
            agent = await at.agent(connection, who)
            return agent_view(agent, (await store.agents(connection)).get(agent.id))

    @routes.get("/agents", tags=["agents"])
    async def list_agents(who: Overseer) -> Page[AgentView]:
        """All agents, by name."""
        del who
        async with at.engine.connect() as connection:
            known = (await at.force(connection)).configuration.agents
            rows = await store.agents(connection)
        return Page(
            items=[agent_view(agent, rows.get(agent.id)) for agent in sorted(known, key=lambda a: a.name)],
            next=None,
        )

    @routes.put("/agents/{agent_id}/presence", tags=["agents"], responses=problems(400, 404))
    async def set_presence(agent_id: str, given: NewPresence, who: Supervisor) -> AgentView:
        """A supervisor sets an agent's presence, e.g. logs them off."""
        async with at.engine.begin() as tx:
            agent = (await at.force(tx)).configuration.agents_by_id.get(agent_id)
            if agent is None:
                raise not_found("agent")
            await presence.set_presence(
                tx, agent, Presence(given.presence), f"set by supervisor {who.subject}", at.clock()
            )
            return agent_view(agent, (await store.agents(tx)).get(agent.id))
