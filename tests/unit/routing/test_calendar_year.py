"""A calendar as people look at it: the days of a year in local time, and how a due time is counted."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from antiphon.organisation.calendar import Calendar
from routing.domain.configuration import calendar_year
from routing.domain.configuration.calendar import build
from routing.domain.configuration.calendar_year import Day, Period

BERLIN = ZoneInfo("Europe/Berlin")
SECTION = Calendar.model_validate({
    "name": "Office", "time_zone": "Europe/Berlin",
    "hours": {"monday": ["09:00-17:00"], "saturday": ["22:00-06:00"], "thursday": ["09:00-17:00"]},
    "holidays": {"country": "DE", "extra": [{"date": "2026-12-24", "name": "Party", "hours": ["09:00-12:00"]}]},
})  # fmt: skip


def shown(periods: Sequence[Period]) -> list[tuple[str, str]]:
    return [(opens.strftime("%H:%M%z"), closes.strftime("%H:%M%z")) for opens, closes in periods]


def day(text: str) -> Day:
    days = calendar_year.year_of(SECTION, 2026).days
    return next(one for one in days if one.date == date.fromisoformat(text))


def test_each_day_of_a_year_has_its_periods_in_local_time_and_the_name_of_a_holiday() -> None:
    assert len(calendar_year.year_of(SECTION, 2026).days) == 365
    assert shown(day("2026-07-06").open) == [("09:00+0200", "17:00+0200")]
    assert (day("2026-01-01").open, day("2026-01-01").holiday) == ([], "Neujahr")
    assert (shown(day("2026-12-24").open), day("2026-12-24").holiday) == (
        [("09:00+0100", "12:00+0100")],
        "Party",
    )


def test_a_night_is_shown_on_both_of_its_days_and_is_short_when_the_clocks_change() -> None:
    assert shown(day("2026-03-28").open) == [("22:00+0100", "00:00+0100")]
    assert shown(day("2026-03-29").open) == [("00:00+0100", "06:00+0200")]
    changes = calendar_year.year_of(SECTION, 2026).clock_changes
    assert [(change.at.isoformat(), change.after - change.before) for change in changes] == [
        ("2026-03-29T03:00:00+02:00", timedelta(hours=1)),
        ("2026-10-25T02:00:00+01:00", timedelta(hours=-1)),
    ]


def test_the_days_of_a_year_have_all_its_open_time() -> None:
    days = calendar_year.year_of(SECTION, 2026).days
    total = sum((closes - opens for one in days for opens, closes in one.open), timedelta())
    begins, ends = (datetime(year, 1, 1, tzinfo=BERLIN) for year in (2026, 2027))
    assert total == build(SECTION).between(begins, ends)


def test_a_due_time_shows_the_periods_that_were_counted_for_it() -> None:
    since = datetime(2026, 12, 24, 10, tzinfo=BERLIN)
    due = calendar_year.due(SECTION, since, timedelta(hours=5), 10)
    assert due.at.isoformat() == "2026-12-27T03:00:00+01:00"
    assert shown(due.periods) == [("10:00+0100", "12:00+0100"), ("00:00+0100", "03:00+0100")]
    assert len(calendar_year.due(SECTION, since, timedelta(hours=500), 10).periods) == 10


def test_a_calendar_without_hours_is_open_all_of_each_day() -> None:
    always = Calendar.model_validate({"name": "Always", "time_zone": "Europe/Berlin", "hours": "always"})
    periods = calendar_year.year_of(always, 2026).days[86].open
    assert shown(periods) == [("00:00+0100", "00:00+0100")]
