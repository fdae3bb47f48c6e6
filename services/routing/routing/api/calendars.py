"""Calendars as people look at them: the open periods of a year, and how a due time is counted."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from antiphon.contracts.base import Instant
from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.problems import not_found, problems
from antiphon.organisation.calendar import Calendar
from antiphon.organisation.document import ConfigurationError
from antiphon.organisation.section import Duration
from antiphon.postgres.query import AnyRow
from routing.api.configuration_errors import invalid_configuration
from routing.api.parameters import Api, Overseer, invalid_field
from routing.configuration import drafts
from routing.domain.configuration import calendar_year
from routing.domain.time.business_calendar import BeyondHorizonError

MOST_PERIODS = 100

CalendarId = Annotated[
    str, Path(max_length=200, description="The calendar's id in the configuration.", examples=["office"])
]
OfDraft = Annotated[
    UUID | None, Query(description="The draft whose calendar it is. Without it, that of the active version.")
]


class OpenPeriod(BaseModel):
    """A period of open time, in the calendar's time zone."""

    opens_at: datetime = Field(description="When it begins.", examples=["2026-12-01T08:30:00+11:00"])
    closes_at: datetime = Field(description="When it ends.", examples=["2026-12-01T12:30:00+11:00"])


class CalendarDay(BaseModel):
    """A day of a calendar, in its time zone."""

    day: date = Field(description="The day.", examples=["2026-12-01"])
    holiday: str | None = Field(
        description="The name of a holiday or special day, whose hours differ from those of its weekday; null on other days.",
        examples=["Christmas Day"],
    )
    open: list[OpenPeriod] = Field(description="Its open periods, in order; none on a day that is closed.")


class ClockChangeView(BaseModel):
    """When the clocks of the calendar's time zone change."""

    at: datetime = Field(description="When.", examples=["2026-10-04T03:00:00+11:00"])
    offset_minutes_before: int = Field(description="Minutes ahead of UTC before it.", examples=[600])
    offset_minutes_after: int = Field(description="Minutes ahead of UTC after it.", examples=[660])


class CalendarYear(BaseModel):
    """A year of a calendar."""

    calendar: str = Field(description="The calendar's id in the configuration.", examples=["office"])
    name: str = Field(description="The calendar's name.", examples=["Office hours"])
    time_zone: str = Field(description="The time zone of its hours (IANA).", examples=["Australia/Sydney"])
    year: int = Field(description="The year.", examples=[2026])
    days: list[CalendarDay] = Field(description="All days of the year, in order.")
    clock_changes: list[ClockChangeView] = Field(description="When the clocks change in that year, in order.")


class NewDueTime(Body):
    """A promise: from when, and within how much open time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-12-24T15:00:00Z", "within": "4h"}]}
    )

    since: Instant = Field(alias="from", description="From when the time counts.")
    within: Duration = Field(
        ge=timedelta(0), le=timedelta(days=366), description="How much open time, e.g. `4h`."
    )


class DueTime(BaseModel):
    """When a promise is due by a calendar, and what was counted."""

    due_at: datetime = Field(
        description="When so much open time has passed, in the calendar's time zone.",
        examples=["2026-12-29T09:00:00+11:00"],
    )
    time_zone: str = Field(description="The calendar's time zone (IANA).", examples=["Australia/Sydney"])
    periods: list[OpenPeriod] = Field(description=f"The periods that were counted; the first {MOST_PERIODS}.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/configuration/calendars/{calendar}", tags=["configuration"], responses=problems(404))
    async def get_calendar_year(
        calendar: CalendarId,
        _caller: Overseer,
        year: Annotated[int, Query(ge=1970, le=2200, description="The year.", examples=[2026])],
        draft_id: OfDraft = None,
    ) -> CalendarYear:
        """A year of a calendar: the open periods of each day, its holidays, and the changes of its clocks."""
        async with at.engine.connect() as connection:
            draft = await drafts.draft(connection, draft_id) if draft_id else None
            active = (await at.active(connection)).configuration.calendars.get(calendar)
        section = await _calendar(at, calendar, active, draft)
        shown = await asyncio.to_thread(calendar_year.year_of, section, year)
        days = [CalendarDay(day=day.date, holiday=day.holiday, open=_periods(day.open)) for day in shown.days]
        changes = [
            ClockChangeView(
                at=change.at,
                offset_minutes_before=int(change.before.total_seconds() // 60),
                offset_minutes_after=int(change.after.total_seconds() // 60),
            )
            for change in shown.clock_changes
        ]
        return CalendarYear(
            calendar=calendar, name=section.name, time_zone=section.time_zone, year=year, days=days,
            clock_changes=changes,
        )  # fmt: skip

    @routes.post(
        "/configuration/calendars/{calendar}/due", tags=["configuration"], responses=problems(400, 404)
    )
    async def find_due_time(
        calendar: CalendarId, body: NewDueTime, _caller: Overseer, tx: OnceTx, draft_id: OfDraft = None
    ) -> DueTime:
        """When a promise would be due by a calendar. It changes nothing. 422 when that is not within ten years."""
        draft = await drafts.draft(tx, draft_id) if draft_id else None
        active = (await at.active(tx)).configuration.calendars.get(calendar)
        section = await _calendar(at, calendar, active, draft)
        try:
            due = await asyncio.to_thread(calendar_year.due, section, body.since, body.within, MOST_PERIODS)
        except BeyondHorizonError as error:
            raise invalid_field("/within", str(error)) from error
        return DueTime(due_at=due.at, time_zone=section.time_zone, periods=_periods(due.periods))


async def _calendar(at: Api, key: str, active: Calendar | None, draft: AnyRow | None) -> Calendar:
    """The calendar of the draft, without one that of the active version. Raises Problem 404, 422 for one that has faults."""
    section = active
    if draft is not None:
        try:
            section = await at.rule_checker.calendar(draft.source, key)
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
    if section is None:
        raise not_found("calendar")
    return section


def _periods(periods: Sequence[calendar_year.Period]) -> list[OpenPeriod]:
    return [OpenPeriod(opens_at=opens, closes_at=closes) for opens, closes in periods]
