"""Business calendars: local opening hours become UTC intervals, a year at a time; due times are found by bisection.

Clock changes are right to the second: between two changes of a zone's offset, local hours are a constant offset from UTC.
Instants are counted in whole microseconds, so that sums of open time are exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
YEARS = 10
"""How many years ahead open time is searched."""
Span = tuple[time, time | None]
"""Opening and closing time on one day, local; None is midnight at the end of the day."""
Days = Callable[[int], Mapping[date, Sequence[Span]]]
"""Returns the days of a year whose hours differ from those of their weekday; a day off has none."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_LAST_YEAR = 9998


class BeyondHorizonError(Exception):
    """The calendar has too little open time in the next ten years: no opening hours, or too long a duration."""


class _Year(NamedTuple):
    """The open intervals of a UTC year: their starts, their ends, and the open time before each and after the last."""

    starts: list[int]
    ends: list[int]
    before: list[int]

    def worked(self, at: int) -> int:
        """Returns the open time of the year before an instant."""
        place = bisect_right(self.starts, at)
        if place == 0:
            return 0
        return self.before[place - 1] + min(at, self.ends[place - 1]) - self.starts[place - 1]


class BusinessCalendar:
    """Open time in a time zone; without `spans` it is always open.

    `spans` has the hours by weekday (0 is Monday), each within its day: `parse_span` splits a night at midnight. `days` has
    the hours of single days that differ. A day off is closed from midnight to midnight.
    """

    def __init__(
        self, zone: str, spans: Mapping[int, Sequence[Span]] | None, days: Days = lambda _year: {}
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._spans = spans
        self._days = days
        self._years: dict[int, _Year] = {}

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """Returns when `duration` of open time has passed since `start`, in UTC; for a zero duration while closed, the next opening.

        Raises BeyondHorizonError.
        """
        if self._spans is None:
            # In UTC, because a local time plus a day keeps the hour through a clock change, not the seconds.
            return start.astimezone(UTC) + duration
        at, left = _ticks(start), duration // _TICK
        first = _when(at).year
        for number in range(first, min(first + YEARS, _LAST_YEAR)):
            year = self._year(number)
            target = year.worked(at) + left
            place = bisect_left(year.before, target, 1) if left else bisect_right(year.ends, at) + 1
            if place < len(year.before):
                due = year.starts[place - 1] + target - year.before[place - 1]
                return _when(max(due, year.starts[place - 1]))
            left = target - year.before[-1]
        raise BeyondHorizonError("the calendar has less open time than that in the next ten years")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Returns the open time from `start` to `end`; negative when `end` is earlier."""
        if self._spans is None:
            return end.astimezone(UTC) - start.astimezone(UTC)
        if end < start:
            return -self.between(end, start)
        first, last = _when(_ticks(start)).year, _when(_ticks(end)).year
        whole = sum(self._year(number).before[-1] for number in range(first, last))
        worked = whole + self._year(last).worked(_ticks(end)) - self._year(first).worked(_ticks(start))
        return worked * _TICK

    def open_periods(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yields the periods of open time from `start` to `end`, in UTC and in order. One that runs across a new year is two."""
        begins, ends = _ticks(start), _ticks(end)
        if self._spans is None:
            if begins < ends:
                yield _when(begins), _when(ends)
            return
        for number in range(_when(begins).year, _when(ends).year + 1):
            year = self._year(number)
            for place in range(bisect_right(year.ends, begins), bisect_left(year.starts, ends)):
                yield _when(max(begins, year.starts[place])), _when(min(ends, year.ends[place]))

    def is_open(self, at: datetime) -> bool:
        """Whether an instant is in open time; the closing time itself is not."""
        if self._spans is None:
            return True
        year, tick = self._year(_when(_ticks(at)).year), _ticks(at)
        place = bisect_right(year.starts, tick)
        return place > 0 and tick < year.ends[place - 1]

    def next_change(self, at: datetime) -> datetime | None:
        """Returns when it closes next, or opens if it is closed; None when not within ten years."""
        if self._spans is None:
            return None
        opened, tick = self.is_open(at), _ticks(at)
        first = _when(tick).year
        for number in range(first, min(first + YEARS, _LAST_YEAR)):
            year = self._year(number)
            moments = year.ends if opened else year.starts
            place = bisect_right(moments, tick)
            # An interval that ends with the year may go on in the next.
            if place < len(moments) and not (opened and self.is_open(_when(moments[place]))):
                return _when(moments[place])
        return None

    def _year(self, number: int) -> _Year:
        if number not in self._years:
            self._years[number] = self._built(number)
        return self._years[number]

    def _built(self, number: int) -> _Year:
        begins, ends = (
            _ticks(datetime(number, 1, 1, tzinfo=UTC)),
            _ticks(datetime(number + 1, 1, 1, tzinfo=UTC)),
        )
        # The first and last local day of a UTC year may belong to the year before or after.
        others: dict[date, Sequence[Span]] = {}
        for year in (number - 1, number, number + 1):
            others.update(self._days(year))
        opened: list[tuple[int, int]] = []
        for since, until, offset in _offsets(self._zone, begins, ends):
            day, last = _when(since + offset).date(), _when(until + offset - 1).date()
            while day <= last:
                midnight = _ticks(datetime.combine(day, time(0), UTC)) - offset
                for opens, closes in others.get(day, (self._spans or {}).get(day.weekday(), ())):
                    start = max(since, midnight + _of_day(opens))
                    end = min(until, midnight + (_DAY if closes is None else _of_day(closes)))
                    if start < end:
                        opened.append((start, end))
                day += timedelta(days=1)
        return _year_of(sorted(opened))


_DAY = timedelta(days=1) // _TICK


def _year_of(opened: Sequence[tuple[int, int]]) -> _Year:
    """Merges intervals that touch, or that overlap because a clock change repeats an hour."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in opened:
        if ends and start <= ends[-1]:
            ends[-1] = max(end, ends[-1])
        else:
            starts.append(start)
            ends.append(end)
    lengths = (end - start for start, end in zip(starts, ends, strict=True))
    return _Year(starts, ends, list(accumulate(lengths, initial=0)))


def _offsets(zone: ZoneInfo, begins: int, ends: int) -> Iterator[tuple[int, int, int]]:
    """Yields the periods of a constant offset from UTC: start, end, offset. No zone changes twice in a day."""
    since = at = begins
    offset = _offset(zone, at)
    while at < ends:
        until = min(at + _DAY, ends)
        after = _offset(zone, until)
        if after != offset:
            changed = bisect_left(
                range(at, until, _SECOND), x=True, key=lambda tick: _changed(zone, tick, offset)
            )
            change = min(at + changed * _SECOND, until)
            yield since, change, offset
            since, offset = change, after
        at = until
    if since < ends:
        yield since, ends, offset


_SECOND = timedelta(seconds=1) // _TICK


def _changed(zone: ZoneInfo, tick: int, offset: int) -> bool:
    return _offset(zone, tick) != offset


def _offset(zone: ZoneInfo, tick: int) -> int:
    return (_when(tick).astimezone(zone).utcoffset() or timedelta()) // _TICK


def _of_day(at: time) -> int:
    return (
        timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond) // _TICK
    )


def _ticks(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _when(tick: int) -> datetime:
    return _EPOCH + tick * _TICK


class ClockChange(NamedTuple):
    """When the clocks of a zone change, with its offset from UTC before and after."""

    at: datetime
    before: timedelta
    after: timedelta


def clock_changes(zone: ZoneInfo, year: int) -> list[ClockChange]:
    """Returns when the clocks of a zone change in a UTC year, in order."""
    begins, ends = (_ticks(datetime(number, 1, 1, tzinfo=UTC)) for number in (year, year + 1))
    periods = list(_offsets(zone, begins, ends))
    return [
        ClockChange(_when(since), before * _TICK, after * _TICK)
        for (_, _, before), (since, _, after) in pairwise(periods)
    ]


def public_holidays(country: str, subdivision: str | None, year: int) -> dict[date, str]:
    """Returns the public holidays of a country or region in a year, with their names in the language of the country.

    Raises NotImplementedError for an unknown one.
    """
    # Without a language, the names would be in that of the process.
    language = holidays.country_holidays(country, subdiv=subdivision).default_language
    return dict(holidays.country_holidays(country, subdiv=subdivision, years=year, language=language))


def subdivisions(country: str) -> Sequence[str] | None:
    """Returns the regions of a country for which holidays are known; None for an unknown country."""
    return holidays.list_supported_countries(include_aliases=False).get(country)


def parse_span(text: str) -> tuple[Span, Span | None]:
    """Reads `08:30-17:00` or, across midnight, `22:00-06:00`: returns the hours on the day, and those on the next day or None.

    `24:00` is midnight at the end of the day. Raises ValueError for anything else.
    """
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} must be hours like 08:30-17:00")
    opens = time.fromisoformat(begins.strip())
    closes = None if ends.strip() == "24:00" else time.fromisoformat(ends.strip())
    if opens.tzinfo or (closes and closes.tzinfo):
        raise ValueError(f"{text!r}: hours can't have an offset; the calendar has a time zone")
    if closes is None or closes > opens:
        return (opens, closes), None
    if closes == opens:
        raise ValueError(f"{text!r} ends as it begins; write the whole day as 00:00-24:00")
    # A night is split at midnight; one that ends at 00:00 has no part on the next day.
    return (opens, None), (time(0), closes) if closes != time(0) else None
