"""Work that nobody can take as things are, for those who can change that."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from antiphon.http.pages import Page
from routing.api.parameters import Api, Overseer
from routing.api.work_views import WorkView, work_view
from routing.work import explain, stuck


class StuckWork(WorkView):
    """Work that waits and that nobody can take, unless a person changes something."""

    waiting_for: explain.WaitingFor = Field(
        description="What it waits for: `nobody` (who is there), `skill`, `queue` (to be opened), or `refused`: by all who could "
        "take it.",
        examples=["skill"],
    )
    waiting_because: str = Field(
        description="The same in words.",
        examples=["no agent of the queue has all that it needs: planning 9"],
    )
    since: datetime = Field(description="Since when it waits at this place: its last change.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route. It comes before `/work/{work_item_id}`, which its path fits too."""

    @routes.get("/work/stuck", tags=["work"])
    async def list_stuck_work(
        _caller: Overseer,
        limit: Annotated[int, Query(ge=1, le=100, description="The most items that are returned.")] = 50,
    ) -> Page[StuckWork]:
        """Waiting work that nobody can take as things are, the longest wait first, on one page.

        It is past due, or has waited for twice the `offer_timeout` of its queue. Work that waits for what comes by itself is
        not among it: the hours of its queue, an agent who is busy, the answer to an offer.
        """
        now = at.clock()
        async with at.engine.connect() as connection:
            active = await at.active(connection)
            queues = list(active.configuration.queues)
            found = await stuck.stuck_work(connection, active, queues, limit, now)
        items = [
            StuckWork(
                **work_view(one.work).model_dump(),
                waiting_for=one.reason.kind,
                waiting_because=one.reason.words,
                since=one.work.changed_at,
            )
            for one in found
        ]
        return Page(items=items, next=None)
