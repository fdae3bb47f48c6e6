"""Business calendars: local opening hours become UTC intervals, a year at a time; then due times are a bisection.

Daylight-saving changes are right to the second by construction: between two changes of a zone's offset, local hours
are a constant away from UTC. Instants are counted in whole microseconds, so that sums of open time are exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
YEARS = 10
"""How far ahead open time is looked for."""
Span = tuple[time, time | None]
"""From and to, local, on one day; None is midnight at the end of the day."""
Days = Callable[[int], Mapping[date, Sequence[Span]]]
"""The days of a year whose hours are not those of their weekday: none on a day off."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_LAST_YEAR = 9998


class BeyondHorizonError(Exception):
    """The calendar has not enough open time ahead: no opening hours, or more time than ten years hold."""


class _Year(NamedTuple):
    """The open intervals of a UTC year: starts, ends, and open time before each of them and after the last."""

    starts: list[int]
    ends: list[int]
    before: list[int]

    def worked(self, at: int) -> int:
        """Open time of the year before an instant."""
        place = bisect_right(self.starts, at)
        if place == 0:
            return 0
        return self.before[place - 1] + min(at, self.ends[place - 1]) - self.starts[place - 1]


class BusinessCalendar:
    """Open time of a zone; always open when there are no `spans`.

    `spans` has the hours by weekday (0 is Monday), on the day itself (`parse_span` parts a night across midnight);
    `days` what else holds on single days. A day off is closed from midnight to midnight.
    """

    def __init__(
        self, zone: str, spans: Mapping[int, Sequence[Span]] | None, days: Days = lambda _year: {}
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._spans = spans
        self._days = days
        self._years: dict[int, _Year] = {}

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """When `duration` of open time has passed since `start`, UTC. Zero while closed: the next opening.

        Raises BeyondHorizonError.
        """
        if self._spans is None:
            # A local time plus a day would keep the hour, not the seconds.
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
        raise BeyondHorizonError("there is not that much open time in the next ten years")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` to `end`; negative when `end` is earlier."""
        if self._spans is None:
            return end.astimezone(UTC) - start.astimezone(UTC)
        if end < start:
            return -self.between(end, start)
        first, last = _when(_ticks(start)).year, _when(_ticks(end)).year
        whole = sum(self._year(number).before[-1] for number in range(first, last))
        worked = whole + self._year(last).worked(_ticks(end)) - self._year(first).worked(_ticks(start))
        return worked * _TICK

    def is_open(self, at: datetime) -> bool:
        """Whether an instant is in open time; a closing is not."""
        if self._spans is None:
            return True
        year, tick = self._year(_when(_ticks(at)).year), _ticks(at)
        place = bisect_right(year.starts, tick)
        return place > 0 and tick < year.ends[place - 1]

    def next_change(self, at: datetime) -> datetime | None:
        """When it closes, or opens if it is closed now; None when that is never, or more than ten years ahead."""
        if self._spans is None:
            return None
        opened, tick = self.is_open(at), _ticks(at)
        first = _when(tick).year
        for number in range(first, min(first + YEARS, _LAST_YEAR)):
            year = self._year(number)
            moments = year.ends if opened else year.starts
            place = bisect_right(moments, tick)
            # What is open as a year ends may go on in the next.
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
        # The zone's first and last day of a UTC year may be days of the years beside it.
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
    """Intervals that touch, or that the hour which a clock change repeats makes overlap, are one."""
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
    """From when to when which offset from UTC holds; no zone has two changes in a day."""
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


def public_holidays(country: str, subdivision: str | None, year: int) -> set[date]:
    """Days off of a country or region in a year. Raises NotImplementedError for one that is not known."""
    return set(holidays.country_holidays(country, subdiv=subdivision, years=year))


def subdivisions(country: str) -> Sequence[str] | None:
    """The regions of a country whose days off are known; None for a country of which none are."""
    return holidays.list_supported_countries(include_aliases=False).get(country)


def parse_span(text: str) -> tuple[Span, Span | None]:
    """`08:30-17:00` or, across midnight, `22:00-06:00`: the hours on the day, and those on the next.

    `24:00` is midnight at the end of the day. Raises ValueError.
    """
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not hours like 08:30-17:00")
    opens = time.fromisoformat(begins.strip())
    closes = None if ends.strip() == "24:00" else time.fromisoformat(ends.strip())
    if opens.tzinfo or (closes and closes.tzinfo):
        raise ValueError(f"{text!r}: hours have no offset, the calendar has a time zone")
    if closes is None or closes > opens:
        return (opens, closes), None
    if closes == opens:
        raise ValueError(f"{text!r} ends as it begins: the whole day is 00:00-24:00")
    # Until midnight, and from then on the next day, unless it ends with the day.
    return (opens, None), (time(0), closes) if closes != time(0) else None
