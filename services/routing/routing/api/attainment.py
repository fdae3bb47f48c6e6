"""SLA attainment: how many promises to customers were kept."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from antiphon.contracts.base import Instant, known
from antiphon.contracts.work import SlaTarget
from antiphon.http.pages import Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow, mapping
from routing.api.parameters import Api, Overseer, invalid_field
from routing.sla.attainment import By, Period, attainment

LONGEST = timedelta(days=400)


class AttainmentView(BaseModel):
    """How many promises were kept, missed and cancelled; what was not asked for is null."""

    target: Annotated[str, known(SlaTarget)] = Field(
        description="What was promised.", examples=["first-response"]
    )
    queue: str | None = Field(None, description="The queue, when asked for.", examples=["planning"])
    channel: str | None = Field(None, description="The channel, when asked for.", examples=["email"])
    policy: str | None = Field(None, description="The SLA policy, when asked for.", examples=["standard"])
    period: datetime | None = Field(None, description="The first instant of the period, when asked for.")
    kept: int = Field(description="Promises that were kept.", examples=[95])
    missed: int = Field(description="Promises that were broken.", examples=[5])
    cancelled: int = Field(description="Promises that were cancelled.", examples=[2])
    attained: float | None = Field(
        description="`kept` of `kept` and `missed`, 0 to 1; null when both are 0.", examples=[0.95]
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/sla/attainment", tags=["service levels"], responses=problems(400))
    async def get_attainment(
        _caller: Overseer,
        since: Annotated[Instant, Query(alias="from", description="From this instant on.")],
        until: Annotated[Instant, Query(alias="to", description="To before this instant.")],
        by: Annotated[list[By] | None, Query(max_length=3, description="What to group by, besides the target.")] = None,
        period: Annotated[Period | None, Query(description="The length of the periods to group by.")] = None,
    ) -> Page[AttainmentView]:  # fmt: skip
        """How many promises were kept and missed, by target and by what is asked: queue, channel, policy and period.

        A promise counts when its clock ran out, or else when it was met or cancelled. Days, weeks and months are those of
        the organisation's time zone.
        """
        if not since < until <= since + LONGEST:
            raise invalid_field("/to", f"must be after `from`, by {LONGEST.days} days at most")
        asked = list(dict.fromkeys(by or []))
        async with at.engine.connect() as connection:
            zone = (await at.active(connection)).configuration.organisation.time_zone
            rows = await attainment(connection, asked, since, until, period, zone)
        return Page(items=[_view(row) for row in rows], next=None)


def _view(row: AnyRow) -> AttainmentView:
    decided = row.kept + row.missed
    attained = round(row.kept / decided, 4) if decided else None
    return AttainmentView(**mapping(row), attained=attained)
