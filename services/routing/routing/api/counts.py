"""Counts of work, offers, clocks and dead letters."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from routing import store
from routing.api.parameters import Api, Counter


class Counts(BaseModel):
    """How many work items, offers and clocks are in each state."""

    work: dict[str, int] = Field(
        description="Work items by state.", examples=[{"queued": 12, "accepted": 4, "completed": 977}]
    )
    offers: dict[str, int] = Field(
        description="Offers by result; those without one are `pending`.",
        examples=[{"pending": 1, "accepted": 981, "declined": 20}],
    )
    clocks: dict[str, int] = Field(
        description="SLA clocks: running, met, met late, breached, cancelled.",
        examples=[{"running": 12, "met": 950, "met late": 21, "breached": 2}],
    )
    dead_letters: int = Field(
        description="Events that are dead-lettered and were not replayed.", examples=[0]
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/counts", tags=["counts"])
    async def get_counts(_caller: Counter) -> Counts:
        """How many work items, offers and clocks are in each state, and how many events are dead-lettered."""
        async with at.engine.connect() as connection:
            return Counts(
                work=await store.work_items.count_by_state(connection),
                offers=await store.offers.count_by_result(connection),
                clocks=await store.clocks.count_by_state(connection),
                dead_letters=await store.base.count_dead_letters(connection),
            )
