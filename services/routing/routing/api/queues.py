"""Queues: how they stand, and how people set them."""

from typing import Annotated

from fastapi import APIRouter, Depends

from antiphon.access.roles import Identity, Role
from antiphon.http.pages import Page
from antiphon.http.permissions import require
from antiphon.http.problems import problems
from routing.api.views import NewQueueState, QueueStateView, Reader, Routing
from routing.queues import opening
from routing.queues.live import QueueLive

Setter = Annotated[Identity, Depends(require(Role.SUPERVISOR, Role.OPERATIONS))]


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/queues", tags=["queues"])
    async def list_queues(who: Reader) -> Page[QueueLive]:
        """Every queue as it stands now: whether it is open, who waits, since when, what came and went, who is there."""
        del who
        return Page(items=(await at.live.now()).queues, next=None)

    @routes.put("/queues/{queue}/state", tags=["queues"], responses=problems(400, 404))
    async def set_state(queue: str, given: NewQueueState, who: Setter) -> QueueStateView:
        """Opens, pauses or closes a queue. Paused, it gives nothing out; closed, it takes nothing new either."""
        async with at.engine.begin() as tx:
            active = await at.active(tx)
            found = await opening.put_state(
                tx, active, queue, given.state, who.actor(), given.reason, at.clock()
            )
        return QueueStateView(queue=queue, **found._asdict())
