"""Calendars: the hours and holidays in which time counts."""

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
    """A special day of the organisation: closed, or with its own `hours`, even on a public holiday."""

    date: date
    name: str
    hours: list[str] = []


class Holidays(Section):
    """The public holidays of a country or region, and the organisation's special days."""

    country: str | None = None
    subdivision: str | None = None
    extra: list[ExtraHoliday] = []


class Calendar(Section):
    """The hours and holidays in which time counts."""

    name: str
    time_zone: str
    hours: Literal["always"] | dict[Weekday, list[str]]
    holidays: Holidays = Holidays()

    def build(self) -> BusinessCalendar:
        """Returns the calendar, ready to count by. Raises ValueError for wrong hours or an unknown time zone."""
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
        """Returns the hours of holidays and special days in a year. A night on such a day ends at midnight."""
        hours: dict[date, Sequence[Span]] = {}
        if self.holidays.country:
            off = public_holidays(self.holidays.country, self.holidays.subdivision, year)
            hours |= dict.fromkeys(off, ())
        for extra in self.holidays.extra:
            if extra.date.year == year:
                hours[extra.date] = [parse_span(text)[0] for text in extra.hours]
        return hours


def faults(document: Document, calendars: Mapping[str, Calendar]) -> Iterable[Fault]:
    """Yields unknown time zones, countries and regions, and wrong hours."""
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
    """Yields a fault for an unknown time zone."""
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
            message = f"{text!r} ends before it begins: the hours of a special day end at 24:00 at the latest"
            yield document.fault((*path, place), message)


def _holidays(document: Document, path: Place, section: Holidays) -> Iterable[Fault]:
    if section.country is None:
        if section.subdivision is not None:
            yield document.fault((*path, "subdivision"), "a subdivision needs a country beside it")
        return
    regions = subdivisions(section.country)
    if regions is None:
        message = (
            f"no holidays are known for {section.country!r}: write a country code of ISO 3166, like DE or AU"
        )
        yield document.fault((*path, "country"), message)
    elif section.subdivision is not None:
        try:
            public_holidays(section.country, section.subdivision, 2026)
        except NotImplementedError:
            near = did_you_mean(section.subdivision, regions)
            message = f"no holidays are known for {section.subdivision!r} of {section.country}{near}"
            yield document.fault((*path, "subdivision"), message)
