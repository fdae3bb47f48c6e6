"""How much open work the caller sees, by queue and state."""

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import BaseModel, Field

from antiphon.contracts.work import WorkState
from routing import store
from routing.api.parameters import Api, Reader


class QueueCounts(BaseModel):
    """How much work is open, by state."""

    queued: int = Field(description="How many items wait.", examples=[12])
    offered: int = Field(description="How many are offered to an agent.", examples=[1])
    accepted: int = Field(description="How many an agent has accepted.", examples=[4])

    @classmethod
    def of(cls, by_state: Mapping[WorkState, int]) -> "QueueCounts":
        """The counts of these states; a state that is absent has none."""
        return cls(
            queued=by_state.get(WorkState.QUEUED, 0),
            offered=by_state.get(WorkState.OFFERED, 0),
            accepted=by_state.get(WorkState.ACCEPTED, 0),
        )


class QueueWork(QueueCounts):
    """How much open work is in a queue, by state."""

    queue: str = Field(description="The queue's id in the configuration.", examples=["planning"])


class OpenWork(QueueCounts):
    """How much work is open in all queues that the caller sees, and in each."""

    queues: list[QueueWork] = Field(description="Each queue that has open work, by its id.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route. It comes before `/work/{work_item_id}`, which its path fits too."""

    @routes.get("/work/counts", tags=["work"])
    async def get_work_counts(caller: Reader) -> OpenWork:
        """How much open work is in each queue, by state. An agent sees their queues."""
        async with at.engine.connect() as connection:
            agent = await at.visible_to(connection, caller)
            counted = await store.counts.open_work(connection, agent.queues if agent else None)
        queues = [
            QueueWork(queue=queue, **QueueCounts.of(by_state).model_dump())
            for queue, by_state in counted.items()
        ]
        total = {state: sum(by_state.get(state, 0) for by_state in counted.values()) for state in WorkState}
        return OpenWork(**QueueCounts.of(total).model_dump(), queues=queues)
