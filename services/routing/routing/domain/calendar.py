"""Business calendars: local opening hours become UTC intervals once; then due times are a bisection.

Daylight-saving changes are right by construction, because every opening and closing is converted on its own.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HORIZON = timedelta(days=3 * 366)
Span = tuple[time, time | None]
"""From and to, local; None is midnight at the end of the day."""


class BeyondHorizonError(Exception):
    """The calendar has not enough open time ahead: no opening hours, or more time than three years hold."""


class BusinessCalendar:
    """Open time between `first` and three years later; always open when there are no `spans`.

    `spans` has, by weekday (0 is Monday), openings that end the same day; a night across midnight is two of them.
    """

    def __init__(
        self, zone: str, spans: Mapping[int, Sequence[Span]] | None, closed: set[date], first: date
    ) -> None:
        self._always = spans is None
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._before: list[float] = [0.0]  # open seconds before each interval, and after the last
        if spans is not None:
            self._build(ZoneInfo(zone), spans, closed, first)

    def _build(
        self, zone: ZoneInfo, spans: Mapping[int, Sequence[Span]], closed: set[date], first: date
    ) -> None:
        for number in range(HORIZON.days):
            day = first + timedelta(days=number)
            if day in closed:
                continue
            for first_moment, change, offset in _offsets(day, zone):
                for opens, closes in sorted(spans.get(day.weekday(), ()), key=lambda span: span[0]):
                    end_day = day if closes else day + timedelta(days=1)
                    start = datetime.combine(day, opens, UTC).timestamp() - offset
                    end = datetime.combine(end_day, closes or time(0), UTC).timestamp() - offset
                    self._add(max(start, first_moment), min(end, change))

    def _add(self, start: float, end: float) -> None:
        if self._ends and start <= self._ends[-1]:  # touching, or the hour that a clock change repeats
            grown = max(0.0, end - self._ends[-1])
            self._ends[-1] += grown
            self._before[-1] += grown
        elif end > start:
            self._starts.append(start)
            self._ends.append(end)
            self._before.append(self._before[-1] + end - start)

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """When `duration` of open time has passed since `start`. Zero while closed: the next opening.

        Raises BeyondHorizonError.
        """
        if self._always:
            return (
                start.astimezone(UTC) + duration
            )  # a local time plus a day would keep the hour, not the seconds
        at = start.timestamp()
        target = self._worked(at) + duration.total_seconds()
        place = bisect_left(self._before, target, 1) if duration else bisect_right(self._ends, at) + 1
        if place >= len(self._before):
            raise BeyondHorizonError("there is not that much open time in the next three years")
        due = self._starts[place - 1] + target - self._before[place - 1]
        return datetime.fromtimestamp(max(due, self._starts[place - 1]), UTC)

    def is_open(self, at: datetime) -> bool:
        """Whether time counts at this moment; at a closing it does not any more."""
        place = bisect_right(self._starts, at.timestamp())
        return self._always or (place > 0 and at.timestamp() < self._ends[place - 1])

    def next_change(self, at: datetime) -> datetime | None:
        """When it closes, or opens if it is closed now; None when that is never, or years ahead."""
        moments = self._ends if self.is_open(at) else self._starts
        place = bisect_right(moments, at.timestamp())
        return datetime.fromtimestamp(moments[place], UTC) if place < len(moments) else None

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` to `end`; negative when `end` is earlier."""
        if self._always:
            return end.astimezone(UTC) - start.astimezone(UTC)
        return timedelta(seconds=self._worked(end.timestamp()) - self._worked(start.timestamp()))

    def _worked(self, at: float) -> float:
        place = bisect_right(self._starts, at)
        if place == 0:
            return 0.0
        return self._before[place - 1] + min(at, self._ends[place - 1]) - self._starts[place - 1]


def _offsets(day: date, zone: ZoneInfo) -> list[tuple[float, float, float]]:
    """From when to when which offset from UTC holds on a local day, in seconds: two on the day that clocks change."""
    begins = datetime.combine(day, time(0), zone)
    ends = datetime.combine(day + timedelta(days=1), time(0), zone)
    before, after = begins.utcoffset() or timedelta(), ends.utcoffset() or timedelta()
    if before == after:
        return [(-math.inf, math.inf, before.total_seconds())]
    low, high = int(begins.timestamp()), int(ends.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return [(-math.inf, high, before.total_seconds()), (high, math.inf, after.total_seconds())]


def public_holidays(country: str, subdivision: str | None, years: range) -> set[date]:
    """Days off of a country or region. Raises NotImplementedError for one that is not known."""
    return set(holidays.country_holidays(country, subdiv=subdivision, years=years))


def parse_span(text: str) -> Span:
    """`08:30-17:00`; `24:00` is midnight at the end of the day. Raises ValueError."""
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not hours like 08:30-17:00")
    opens = time.fromisoformat(begins.strip())
    closes = None if ends.strip() == "24:00" else time.fromisoformat(ends.strip())
    if closes is not None and closes <= opens:
        raise ValueError(
            f"{text!r} ends before it begins: write a night as two spans, e.g. 22:00-24:00 and 00:00-06:00"
        )
    return opens, closes
