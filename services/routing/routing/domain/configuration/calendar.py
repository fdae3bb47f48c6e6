"""Calendars: when time counts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from antiphon.organisation.document import Document, Fault, Place, Section, did_you_mean
from routing.domain.time.business_calendar import (
    WEEKDAYS,
    BusinessCalendar,
    Span,
    parse_span,
    public_holidays,
    subdivisions,
)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class ExtraHoliday(Section):
    """A day of the organisation's own: off, or with `hours` of its own, also where a country has a day off."""

    date: date
    name: str
    hours: list[str] = []


class Holidays(Section):
    """Days off of a country or region, and the organisation's own."""

    country: str | None = None
    subdivision: str | None = None
    extra: list[ExtraHoliday] = []


class Calendar(Section):
    """When time counts."""

    name: str
    time_zone: str
    hours: Literal["always"] | dict[Weekday, list[str]]
    holidays: Holidays = Holidays()

    def build(self) -> BusinessCalendar:
        """The calendar, ready to count by. Raises ValueError for hours or a zone that there are not."""
        if self.hours == "always":
            return BusinessCalendar(self.time_zone, None)
        week: dict[int, list[Span]] = {}
        for day, texts in self.hours.items():
            place = WEEKDAYS.index(day)
            for span, night in map(parse_span, texts):
                week.setdefault(place, []).append(span)
                if night:
                    week.setdefault((place + 1) % len(WEEKDAYS), []).append(night)
        return BusinessCalendar(self.time_zone, week, self._days)

    def _days(self, year: int) -> Mapping[date, Sequence[Span]]:
        """What holds on single days of a year. A night of such a day ends at its midnight."""
        found: dict[date, Sequence[Span]] = {}
        if self.holidays.country:
            off = public_holidays(self.holidays.country, self.holidays.subdivision, year)
            found |= dict.fromkeys(off, ())
        for extra in self.holidays.extra:
            if extra.date.year == year:
                found[extra.date] = [parse_span(text)[0] for text in extra.hours]
        return found


def faults(document: Document, calendars: Mapping[str, Calendar]) -> Iterable[Fault]:
    """Zones, hours, countries and regions that there are not."""
    for key, calendar in calendars.items():
        path = ("calendars", key)
        yield from zone_faults(document, (*path, "time_zone"), calendar.time_zone)
        for day, texts in [] if calendar.hours == "always" else calendar.hours.items():
            yield from _spans(document, (*path, "hours", day), texts)
        for place, extra in enumerate(calendar.holidays.extra):
            at = (*path, "holidays", "extra", place)
            yield from _spans(document, (*at, "hours"), extra.hours, nights=False)
        yield from _holidays(document, (*path, "holidays"), calendar.holidays)


def zone_faults(document: Document, at: Place, zone: str) -> Iterable[Fault]:
    """A time zone that there is not."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield document.fault(at, f"unknown time zone {zone!r}")


def _spans(document: Document, path: Place, texts: Sequence[str], *, nights: bool = True) -> Iterable[Fault]:
    for place, text in enumerate(texts):
        try:
            _, night = parse_span(text)
        except ValueError as error:
            yield document.fault((*path, place), str(error))
            continue
        if night and not nights:
            told = "ends before it begins: the hours of a single day end with it, at 24:00 at the latest"
            yield document.fault((*path, place), f"{text!r} {told}")


def _holidays(document: Document, path: Place, given: Holidays) -> Iterable[Fault]:
    if given.country is None:
        if given.subdivision is not None:
            yield document.fault((*path, "subdivision"), "needs a country")
        return
    regions = subdivisions(given.country)
    if regions is None:
        told = (
            f"no holidays are known for {given.country!r}: it is a country's code by ISO 3166, like DE or AU"
        )
        yield document.fault((*path, "country"), told)
    elif given.subdivision is not None:
        try:
            public_holidays(given.country, given.subdivision, 2026)
        except NotImplementedError:
            told = f"no holidays are known for {given.subdivision!r} of {given.country}"
            near = did_you_mean(given.subdivision, regions)
            yield document.fault((*path, "subdivision"), f"{told}{near}")
