"""A calendar as people look at it: its days in local time, and how a due time is counted by it. Pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from antiphon.organisation.calendar import Calendar
from routing.domain.configuration.calendar import build, special_days
from routing.domain.time.business_calendar import ClockChange, clock_changes

_DAY = timedelta(days=1)

Period = tuple[datetime, datetime]
"""A period of open time: when it begins and ends, in the zone of its calendar."""


class Day(NamedTuple):
    """A local day with its periods of open time. `holiday` is the name of a day whose hours differ from those of its weekday."""

    date: date
    holiday: str | None
    open: Sequence[Period]


class Year(NamedTuple):
    """A year of a calendar: its local days, and when the clocks of its zone change."""

    days: Sequence[Day]
    clock_changes: Sequence[ClockChange]


class Due(NamedTuple):
    """When so much open time has passed, and the periods that were counted for it: of many, the first."""

    at: datetime
    periods: Sequence[Period]


def year_of(calendar: Calendar, year: int) -> Year:
    """Returns a year of a calendar. Raises ValueError for wrong hours or an unknown time zone."""
    zone, counted, names = ZoneInfo(calendar.time_zone), build(calendar), special_days(calendar, year)
    days: list[Day] = []
    day = date(year, 1, 1)
    while day.year == year:
        midnights = (datetime.combine(one, time(0), zone) for one in (day, day + _DAY))
        begins, ends = midnights
        periods = counted.open_periods(begins.astimezone(UTC), ends.astimezone(UTC))
        days.append(Day(day, names.get(day), [_local(period, zone) for period in periods]))
        day += _DAY
    return Year(
        days, [change._replace(at=change.at.astimezone(zone)) for change in clock_changes(zone, year)]
    )


def due(calendar: Calendar, since: datetime, within: timedelta, most: int) -> Due:
    """Returns when `within` open time has passed since then, with at most `most` periods.

    Raises BeyondHorizonError when the calendar has less in ten years, ValueError as `year_of`.
    """
    zone, counted = ZoneInfo(calendar.time_zone), build(calendar)
    at = counted.add(since, within)
    periods = islice(counted.open_periods(since, at), most)
    return Due(at.astimezone(zone), [_local(period, zone) for period in periods])


def _local(period: Period, zone: ZoneInfo) -> Period:
    begins, ends = period
    return begins.astimezone(zone), ends.astimezone(zone)
