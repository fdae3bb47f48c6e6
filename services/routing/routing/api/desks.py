"""Work that people move themselves: agents take it, supervisors give it, take it back, make it more or less urgent."""

from uuid import UUID

from fastapi import APIRouter, Response

from antiphon.http.problems import problems
from routing.api.views import (
    AgentOnly,
    Assignment,
    Routing,
    Supervisor,
    TakeBack,
    Urgency,
    WorkView,
    work_view,
    wrong,
)
from routing.work import handling, pulling

NOTHING = {204: {"description": "Nothing waits that suits you."}}


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.post(
        "/agents/me/next", tags=["work"], response_model=WorkView, responses={**NOTHING, **problems(409)}
    )
    async def take_next(who: AgentOnly) -> WorkView | Response:
        """Give me the next: the best waiting item that suits me is mine at once; 409 when I am offline or full."""
        async with at.engine.begin() as tx:
            agent = await at.agent(tx, who)
            work = await pulling.take_next(tx, await at.active(tx), agent, at.clock())
            return work_view(work) if work else Response(status_code=204)

    @routes.post("/work/{work_item_id}/pick", tags=["work"], responses=problems(403, 404, 409))
    async def pick(work_item_id: UUID, who: AgentOnly) -> WorkView:
        """This waiting item is mine at once, where its queue lets agents pick; who was first has it."""
        async with at.engine.begin() as tx:
            agent = await at.agent(tx, who)
            return work_view(await pulling.pick(tx, await at.active(tx), agent, work_item_id, at.clock()))

    @routes.post("/work/{work_item_id}/assign", tags=["work"], responses=problems(400, 404, 409))
    async def assign(work_item_id: UUID, given: Assignment, who: Supervisor) -> WorkView:
        """The agent has the work at once, whatever they hold and can; 409 when they are offline."""
        async with at.engine.begin() as tx:
            active = await at.active(tx)
            agent = active.configuration.agents_by_id.get(given.agent_id)
            if agent is None:
                raise wrong("/agent_id", f"unknown agent {given.agent_id!r}")
            work = await handling.assign(
                tx, work_item_id, who.actor(), active, agent, given.reason, at.clock()
            )
            return work_view(work)

    @routes.post("/work/{work_item_id}/take-back", tags=["work"], responses=problems(400, 404, 409))
    async def take_back(work_item_id: UUID, given: TakeBack, who: Supervisor) -> WorkView:
        """Who has the work has it no more: it returns to its place, and others are asked before they are."""
        async with at.engine.begin() as tx:
            return work_view(
                await handling.take_back(tx, work_item_id, who.actor(), given.reason, at.clock())
            )

    @routes.patch("/work/{work_item_id}", tags=["work"], responses=problems(400, 404, 409))
    async def reprioritise(work_item_id: UUID, given: Urgency, who: Supervisor) -> WorkView:
        """The work is more or less urgent than the rules thought."""
        async with at.engine.begin() as tx:
            return work_view(
                await handling.reprioritise(
                    tx,
                    work_item_id,
                    who.actor(),
                    given.priority,
                    given.reason,
                    await at.active(tx),
                    at.clock(),
                )
            )
