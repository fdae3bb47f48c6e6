"""Colleagues: to whom an agent can hand work on, and whether they can be offered any now."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import known
from antiphon.http.app import Words
from antiphon.http.pages import Page
from antiphon.http.problems import not_found, problems
from antiphon.organisation.agent import Agent
from routing import store
from routing.api.parameters import Api, Worker
from routing.domain.matching.eligibility import Waiting, WhyNot, in_words
from routing.queues import opening
from routing.work.explain import obstacle_of


class Colleague(BaseModel):
    """Another agent, and whether they can be offered work now."""

    agent_id: str = Field(description="The agent's id in the configuration.", examples=["elena"])
    name: str = Field(description="The agent's name.", examples=["Elena Rossi"])
    presence: Annotated[str, known(Presence)] = Field(
        description="A presence that the organisation lists.", examples=["available"]
    )
    can_be_offered: bool = Field(description="Whether the agent can be offered work now.", examples=[True])
    why_not: WhyNot | None = Field(description="Why they can't; null when they can.", examples=[None])
    why_not_text: str | None = Field(description="`why_not` in words.", examples=[None])


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/colleagues", tags=["agents"], responses=problems(404))
    async def list_colleagues(
        caller: Worker,
        queue: Annotated[
            Words | None, Query(max_length=200, description="Only agents of the queue of this id.")
        ] = None,
    ) -> Page[Colleague]:
        """The other agents, by name, on one page, also those who are away: who can be offered work now, else why not."""
        now = at.clock()
        async with at.engine.connect() as connection:
            active = await at.active(connection)
            rows = await store.agents.agents(connection, active.configuration.days(now))
            open_queues = opening.open_queues(opening.openings(active, now))
        if queue is not None and queue not in active.configuration.queues:
            raise not_found("queue")
        agents = [
            agent
            for agent in active.configuration.agents_by_id.values()
            if queue is None or queue in agent.queues
        ]
        items: list[Colleague] = []
        for agent in sorted(agents, key=lambda agent: agent.name):
            if agent.id == caller.subject:
                continue
            row = rows.get(agent.id)
            obstacle = obstacle_of(agent, _any_work(agent, queue, now), active, rows, open_queues, now)
            colleague = Colleague(
                agent_id=agent.id,
                name=agent.name,
                presence=row.presence if row else Presence.OFFLINE.value,
                can_be_offered=obstacle is None,
                why_not=obstacle.kind if obstacle else None,
                why_not_text=in_words(obstacle) if obstacle else None,
            )
            items.append(colleague)
        return Page(items=items, next=None)


def _any_work(agent: Agent, queue: str | None, now: datetime) -> Waiting:
    """Work of one unit that needs no skill, of the queue or else of all queues of the agent."""
    queues = [queue] if queue is not None else agent.queues
    return Waiting(UUID(int=0), queues[0] if queues else "", {}, now, now, {}, also_queues=queues)
