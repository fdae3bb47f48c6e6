"""Calendars: the hours and holidays in which time counts."""

from datetime import date
from typing import Literal

from antiphon.organisation.section import Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class ExtraHoliday(Section):
    """A special day of the organisation: closed, or with its own `hours`, even on a public holiday."""

    date: date
    """The day."""
    name: str
    """What people call it."""
    hours: list[str] = []
    """Its open times, e.g. `09:00-12:00`. Default: closed."""


class Holidays(Section):
    """The public holidays of a country or region, and the organisation's special days."""

    country: str | None = None
    """The country whose public holidays are closed: ISO 3166, e.g. `AU`. Default: none."""
    subdivision: str | None = None
    """Its state or region, e.g. `NSW`."""
    extra: list[ExtraHoliday] = []
    """The organisation's special days."""


class Calendar(Section):
    """The hours and holidays in which time counts."""

    name: str
    """What people call it."""
    time_zone: str
    """The time zone of its hours (IANA)."""
    hours: Literal["always"] | dict[Weekday, list[str]]
    """The open times by weekday, e.g. `09:00-17:00`, or `always`."""
    holidays: Holidays = Holidays()
    """The days on which other hours count."""
