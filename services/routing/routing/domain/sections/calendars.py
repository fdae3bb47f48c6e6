"""Calendars: when time counts."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from antiphon.organisation import Document, Fault, Section
from routing.domain.calendar import WEEKDAYS, BusinessCalendar, parse_span, public_holidays

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SAMPLE_DAY = date(2026, 1, 1)


class ExtraHoliday(Section):
    """A day off of the organisation's own."""

    date: date
    name: str


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

    def build(self, first: date) -> BusinessCalendar:
        """The calendar from `first` on. Raises ValueError for hours, a zone or a country that there are not."""
        if self.hours == "always":
            return BusinessCalendar(self.time_zone, None, set(), first)
        spans = {
            WEEKDAYS.index(day): [parse_span(text) for text in texts] for day, texts in self.hours.items()
        }
        closed = {extra.date for extra in self.holidays.extra}
        if self.holidays.country:
            years = range(first.year, first.year + 5)
            try:
                closed |= public_holidays(self.holidays.country, self.holidays.subdivision, years)
            except NotImplementedError as error:
                raise ValueError(f"no holidays are known for {self.holidays.country}") from error
        return BusinessCalendar(self.time_zone, spans, closed, first)


def faults(document: Document, calendars: Mapping[str, Calendar]) -> Iterable[Fault]:
    """Zones, hours and countries that there are not."""
    for key, calendar in calendars.items():
        try:
            ZoneInfo(calendar.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield document.fault(("calendars", key, "time_zone"), f"unknown time zone {calendar.time_zone!r}")
            continue
        wrong = list(_spans(document, key, [] if calendar.hours == "always" else calendar.hours.items()))
        yield from wrong
        try:
            if not wrong:
                calendar.build(_SAMPLE_DAY)
        except ValueError as error:
            yield document.fault(("calendars", key, "holidays"), str(error))


def _spans(document: Document, key: str, days: Iterable[tuple[Weekday, list[str]]]) -> Iterable[Fault]:
    for day, texts in days:
        for place, text in enumerate(texts):
            try:
                parse_span(text)
            except ValueError as error:
                yield document.fault(("calendars", key, "hours", day, place), str(error))
