"""Calendars: the hours and holidays in which time counts."""

from datetime import date
from typing import Literal

from antiphon.organisation.section import Section

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
