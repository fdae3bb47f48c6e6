"""Queues: what waits in each now, and how people open, pause and close them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from antiphon.contracts.base import known
from antiphon.contracts.queues import QueueState
from antiphon.http.app import Body
from antiphon.http.pages import Page
from antiphon.http.problems import problems
from routing.api.parameters import Api, QueueId, QueueManager, Reader, Reason
from routing.queues import opening
from routing.queues.live import QueueLive


class NewQueueState(Body):
    """The state to set, and why."""

    state: QueueState = Field(
        description="Open; paused: gives out no work; closed: takes no new work either."
    )
    reason: Reason = Field(description="Why the state is set.", examples=["Fire drill until 11:00"])


class QueueStateView(BaseModel):
    """The state that people set for a queue: since when, who and why."""

    queue: str = Field(description="The queue's id in the configuration.", examples=["planning"])
    state: Annotated[str, known(QueueState)] = Field(
        description="The state that was set.", examples=["paused"]
    )
    since: datetime = Field(description="When it was set.")
    by: str = Field(description="Who set it.", examples=["Sofia Marino"])
    reason: str = Field(description="Why it was set.", examples=["Fire drill until 11:00"])


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/queues", tags=["queues"])
    async def list_queues(_caller: Reader) -> Page[QueueLive]:
        """All queues as they are now, on one page: open or not, what waits and since when, who is present."""
        return Page(items=(await at.live.now()).queues, next=None)

    @routes.put("/queues/{queue}/state", tags=["queues"], responses=problems(400, 404))
    async def set_queue_state(queue: QueueId, body: NewQueueState, caller: QueueManager) -> QueueStateView:
        """Opens, pauses or closes a queue. A paused queue gives out no work; a closed one takes no new work either."""
        async with at.engine.begin() as tx:
            state = await opening.put_state(
                tx, await at.active(tx), queue, body.state, caller.actor(), body.reason, at.clock()
            )
        return QueueStateView(queue=queue, **state._asdict())
