"""What customers were promised: the clocks of a case with their ledgers, and how many promises were kept."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from antiphon.access.roles import Role
from antiphon.contracts.base import Instant, known
from antiphon.contracts.work import SlaTarget
from antiphon.http.pages import Page
from antiphon.http.problems import not_found, problems
from antiphon.postgres.query import AnyRow, mapping
from routing import store
from routing.api.views import Overseer, Reader, Routing, wrong
from routing.domain.time.sla_clock import Kind
from routing.sla.attainment import By, Period, attainment

LONGEST = timedelta(days=400)


class ClockEntryView(BaseModel):
    """A line of a clock's ledger: `at` it happened, `noted_at` it was heard of."""

    kind: Annotated[str, known(Kind)]
    at: datetime
    noted_at: datetime
    cause: str
    policy: str
    calendar: str
    configuration_version: int
    within_s: float = Field(description="Seconds of the calendar that were promised from then on.")
    percent: int | None
    due_before: datetime | None
    due_after: datetime


class ClockView(BaseModel):
    """A service clock and its ledger, from the first line."""

    clock_id: UUID
    work_item_id: UUID
    target: Annotated[str, known(SlaTarget)]
    policy: str
    calendar: str
    started_at: datetime
    due_at: datetime
    paused_since: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    cancelled_at: datetime | None
    ledger: list[ClockEntryView]


class AttainmentView(BaseModel):
    """How many promises were kept; what was not asked for is null. `attained` is null when nothing was kept or missed."""

    target: Annotated[str, known(SlaTarget)]
    queue: str | None = None
    channel: str | None = None
    policy: str | None = None
    period: datetime | None = None
    kept: int
    missed: int
    cancelled: int
    attained: float | None


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/cases/{case_id}/clocks", tags=["service levels"], responses=problems(404))
    async def case_clocks(case_id: UUID, who: Reader) -> Page[ClockView]:
        """The clocks of a case, each with everything that happened to it and why; an agent's are those of their queues."""
        c, e = store.clocks.CLOCK.c, store.clocks.CLOCK_ENTRY.c
        async with at.engine.connect() as connection:
            clocks = (
                await connection.execute(
                    select(store.clocks.CLOCK)
                    .where(c.case_id == case_id)
                    .order_by(c.started_at, c.target, c.clock_id)
                )
            ).all()
            if not clocks:
                raise not_found("case with clocks")
            if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
                agent = await at.agent(connection, who)
                work = await store.work_items.last_work(connection, [case_id])
                mine = case_id in work and work[case_id].agent_id == agent.id
                if not mine and not {row.queue for row in clocks} & set(agent.queues):
                    raise not_found("case with clocks")
            ids = [row.clock_id for row in clocks]
            lines: dict[UUID, list[ClockEntryView]] = {}
            for row in await connection.execute(
                select(store.clocks.CLOCK_ENTRY).where(e.clock_id.in_(ids)).order_by(e.clock_id, e.place)
            ):
                lines.setdefault(row.clock_id, []).append(_line(row))
        items = [
            ClockView(
                **{name: getattr(row, name) for name in ClockView.model_fields if name != "ledger"},
                ledger=lines.get(row.clock_id, []),
            )
            for row in clocks
        ]
        return Page(items=items, next=None)

    @routes.get("/sla/attainment", tags=["service levels"], responses=problems(400))
    async def get_attainment(
        who: Overseer,
        since: Annotated[Instant, Query(alias="from", description="From this instant on.")],
        until: Annotated[Instant, Query(alias="to", description="To before this instant.")],
        by: Annotated[list[By] | None, Query(max_length=3)] = None,
        period: Period | None = None,
    ) -> Page[AttainmentView]:
        """How many promises were kept and missed, by target and by what is asked: queue, channel, policy, and period.

        A promise counts when its clock ran out, or else when it was met or cancelled. Days, weeks and months are those of
        the organisation's time zone.
        """
        del who
        if not since < until <= since + LONGEST:
            raise wrong("/to", f"must be after `from`, by {LONGEST.days} days at most")
        asked = list(dict.fromkeys(by or []))
        async with at.engine.connect() as connection:
            zone = (await at.active(connection)).configuration.organisation.time_zone
            rows = await attainment(connection, asked, since, until, period, zone)
        return Page(items=[_counted(row) for row in rows], next=None)


def _line(row: AnyRow) -> ClockEntryView:
    names = [name for name in ClockEntryView.model_fields if name != "within_s"]
    return ClockEntryView(**{name: getattr(row, name) for name in names}, within_s=row.within.total_seconds())


def _counted(row: AnyRow) -> AttainmentView:
    decided = row.kept + row.missed
    attained = round(row.kept / decided, 4) if decided else None
    return AttainmentView(**mapping(row), attained=attained)
