"""Calendars as routing counts by them, and what can be wrong with one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from antiphon.organisation.calendar import Calendar, Holidays
from antiphon.organisation.document import Document, Fault, Place, did_you_mean
from routing.domain.time.business_calendar import (
    WEEKDAYS,
    BusinessCalendar,
    Span,
    parse_span,
    public_holidays,
    subdivisions,
)


def build(calendar: Calendar) -> BusinessCalendar:
    """Returns the calendar, ready to count by. Raises ValueError for wrong hours or an unknown time zone."""
    if calendar.hours == "always":
        return BusinessCalendar(calendar.time_zone, None)
    week: dict[int, list[Span]] = {}
    for day, texts in calendar.hours.items():
        place = WEEKDAYS.index(day)
        for span, night in map(parse_span, texts):
            week.setdefault(place, []).append(span)
            if night:
                week.setdefault((place + 1) % len(WEEKDAYS), []).append(night)
    return BusinessCalendar(calendar.time_zone, week, partial(_days, calendar.holidays))


def _days(holidays: Holidays, year: int) -> Mapping[date, Sequence[Span]]:
    """Returns the hours of holidays and special days in a year. A night on such a day ends at midnight."""
    hours: dict[date, Sequence[Span]] = {}
    if holidays.country:
        off = public_holidays(holidays.country, holidays.subdivision, year)
        hours |= dict.fromkeys(off, ())
    for extra in holidays.extra:
        if extra.date.year == year:
            hours[extra.date] = [parse_span(text)[0] for text in extra.hours]
    return hours


def special_days(calendar: Calendar, year: int) -> dict[date, str]:
    """Returns the days of a year whose hours differ from those of their weekday, with their names. A calendar without hours has none."""
    if calendar.hours == "always":
        return {}
    holidays, names = calendar.holidays, dict[date, str]()
    if holidays.country:
        names |= public_holidays(holidays.country, holidays.subdivision, year)
    return names | {extra.date: extra.name for extra in holidays.extra if extra.date.year == year}


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
