from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.organisation.calendar import Calendar
from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE
from routing.domain.configuration.calendar import build
from routing.domain.configuration.document import read
from routing.domain.time.business_calendar import BeyondHorizonError, BusinessCalendar, Days, Span, parse_span

BERLIN = "Europe/Berlin"
OFFICE: dict[int, list[Span]] = {day: [(time(9), time(12)), (time(13), time(18))] for day in range(5)}


def off(*days: date) -> Days:
    return lambda year: {day: [] for day in days if day.year == year}


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_16_a_due_time_skips_lunch_weekend_holiday_and_clock_change() -> None:
    # Friday 17:30, four hours; Monday is a holiday; the clocks change on the Sunday between.
    calendar = BusinessCalendar(BERLIN, OFFICE, off(date(2026, 3, 30)))
    due = calendar.add(local("2026-03-27T17:30"), timedelta(hours=4))
    assert due == local("2026-03-31T13:30")
    # The due time is the same when the start is given in another time zone.
    assert calendar.add(local("2026-03-27T12:30", "America/New_York"), timedelta(hours=4)) == due


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-03-03T09:00", 3, "2026-03-03T12:00"),
        ("2026-03-03T09:00", 4, "2026-03-03T14:00"),
        ("2026-03-03T12:30", 1, "2026-03-03T14:00"),
        ("2026-03-03T07:00", 0, "2026-03-03T09:00"),
        ("2026-03-03T10:00", 0, "2026-03-03T10:00"),
        ("2026-03-06T18:00", 1, "2026-03-09T10:00"),
        ("2026-03-07T10:00", 8, "2026-03-09T18:00"),
        ("2026-12-31T17:00", 2, "2027-01-01T10:00"),
    ],
)
def test_due_times_fall_in_office_hours(start: str, hours: int, due: str) -> None:
    calendar = BusinessCalendar(BERLIN, OFFICE)
    assert calendar.add(local(start), timedelta(hours=hours)) == local(due)


def test_a_calendar_without_hours_counts_every_second_of_a_clock_change() -> None:
    calendar = BusinessCalendar("UTC", None)
    start = local("2026-03-28T23:00")
    assert calendar.add(start, timedelta(hours=24)) - start.astimezone(UTC) == timedelta(hours=24)


def written(hours: Mapping[str, Sequence[str]], zone: str = BERLIN, **holidays: object) -> BusinessCalendar:
    section = {"name": "n", "time_zone": zone, "hours": hours, "holidays": holidays}
    return build(Calendar.model_validate(section))


def test_a_night_runs_across_midnight_into_the_next_day_also_from_sunday_to_monday() -> None:
    calendar = written({"sunday": ["22:00-06:00"], "tuesday": ["22:00-00:00"]})
    assert calendar.add(local("2026-03-01T23:00"), timedelta(hours=6)) == local("2026-03-02T05:00")
    assert calendar.between(local("2026-03-02T00:00"), local("2026-03-03T00:00")) == timedelta(hours=6)
    assert calendar.between(local("2026-03-03T00:00"), local("2026-03-05T00:00")) == timedelta(hours=2)


def test_a_day_off_ends_the_night_before_it_at_midnight() -> None:
    calendar = written(
        {"monday": ["22:00-06:00"], "tuesday": ["22:00-06:00"]}, extra=[{"date": "2026-03-03", "name": "n"}]
    )
    assert calendar.between(local("2026-03-02T00:00"), local("2026-03-05T00:00")) == timedelta(hours=8)


def test_the_night_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    calendar = written({"saturday": ["22:00-06:00"]})
    assert calendar.between(local("2026-03-28T12:00"), local("2026-03-29T12:00")) == timedelta(hours=7)
    assert calendar.between(local("2026-10-24T12:00"), local("2026-10-25T12:00")) == timedelta(hours=9)


def test_holidays_are_those_of_the_country_the_region_and_the_organisation() -> None:
    bavaria = written({"tuesday": ["09:00-10:00"]}, country="DE", subdivision="BY")
    hamburg = written({"tuesday": ["09:00-10:00"]}, country="DE", subdivision="HH")
    epiphany, christmas_2029 = local("2026-01-06T00:00"), local("2029-12-25T00:00")
    assert bavaria.between(epiphany, epiphany + timedelta(days=1)) == timedelta(0)
    assert hamburg.between(epiphany, epiphany + timedelta(days=1)) == timedelta(hours=1)
    assert hamburg.between(christmas_2029, christmas_2029 + timedelta(days=1)) == timedelta(0)


def test_a_special_day_may_have_its_own_hours_also_on_a_public_holiday() -> None:
    days = [
        {"date": "2026-12-24", "name": "half", "hours": ["09:00-12:00"]},
        {"date": "2026-12-25", "name": "x", "hours": ["10:00-11:00"]},
    ]
    calendar = written({"thursday": ["09:00-18:00"]}, country="DE", extra=days)
    assert calendar.between(local("2026-12-24T00:00"), local("2026-12-25T00:00")) == timedelta(hours=3)
    assert calendar.between(local("2026-12-25T00:00"), local("2026-12-26T00:00")) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("opens", "closes", "start", "minutes", "due"),
    [
        # In spring 02:15 does not exist; in autumn it comes twice.
        (time(2), time(2, 30), "2026-03-29T00:00", 1, datetime(2026, 4, 5, 0, 1, tzinfo=UTC)),
        (time(1, 30), time(3, 30), "2026-03-29T00:00", 60, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (time(2), time(2, 30), "2026-10-25T00:00", 31, datetime(2026, 10, 25, 1, 1, tzinfo=UTC)),
        (time(1, 30), time(2, 30), "2026-10-25T00:00", 61, datetime(2026, 10, 25, 1, 1, tzinfo=UTC)),
    ],
)
def test_hours_that_a_clock_change_skips_or_repeats_count_as_they_pass(
    opens: time, closes: time, start: str, minutes: int, due: datetime
) -> None:
    calendar = BusinessCalendar(BERLIN, {6: [(opens, closes)]})
    assert calendar.add(local(start), timedelta(minutes=minutes)) == due


def test_a_day_whose_midnight_a_clock_change_skips_begins_at_one() -> None:
    cairo = BusinessCalendar("Africa/Cairo", {4: [(time(1), time(2))]})  # Friday, 24 April 2026
    assert cairo.add(local("2026-04-24T01:00", "Africa/Cairo"), timedelta(hours=1)) == datetime(
        2026, 4, 23, 23, tzinfo=UTC
    )
    assert cairo.add(datetime(2026, 4, 23, tzinfo=UTC), timedelta(0)) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_a_calendar_that_never_opens_raises_instead_of_looping() -> None:
    calendar = BusinessCalendar("UTC", {})
    with pytest.raises(BeyondHorizonError):
        calendar.add(datetime(2026, 3, 3, tzinfo=UTC), timedelta(seconds=1))


def test_open_time_is_found_after_many_closed_weeks() -> None:
    calendar = BusinessCalendar(
        "UTC", OFFICE, off(*(date(2026, 1, 1) + timedelta(days=n) for n in range(364)))
    )
    assert calendar.add(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)) == datetime(
        2026, 12, 31, 10, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["09:00", "9-5", "09:00-25:00", "09:00-09:00", "09:00+01:00-10:00"])
def test_malformed_hours_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"-|hour|Invalid"):
        parse_span(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "time_zone: Australia/Sydney\n    hours",
            "time_zone: Australia/Sidney\n    hours",
            "unknown time zone",
        ),
        ("country: AU", "country: ZZ", "no holidays are known for 'ZZ'"),
        ("subdivision: NSW", "subdivision: NWS", "did you mean 'NSW'?"),
        (
            "name: Christmas closing",
            'name: Christmas closing, hours: ["22:00-06:00"]',
            "special day end at 24:00",
        ),
        ('thursday: ["08:30-12:30"', 'thursday: ["08:30-8:30"', "monday|hours|Invalid"),
    ],
)
def test_a_faulty_calendar_is_rejected_with_its_reason(old: str, new: str, message: str) -> None:
    source = EXAMPLE.read_text().replace(
        "        - date: 2026-12-24\n          name: Christmas closing",
        "        - { date: 2026-12-24, name: Christmas closing }",
    )
    assert old in source
    with pytest.raises(ConfigurationError, match=message):
        read(source.replace(old, new))


ZONES = [
    BERLIN,
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Pacific/Apia",
    "UTC",
]
CHANGES = [
    datetime(2026, 3, 8, 5), datetime(2026, 3, 29, 1), datetime(2026, 4, 4, 15), datetime(2026, 4, 5, 3),  # noqa: DTZ001
    datetime(2026, 4, 23, 22), datetime(2026, 9, 6, 4), datetime(2026, 10, 3, 15), datetime(2026, 10, 25, 1),  # noqa: DTZ001
    datetime(2026, 10, 29, 21), datetime(2026, 11, 1, 5), datetime(2025, 12, 31, 20), datetime(2011, 12, 30, 10),  # noqa: DTZ001
]  # fmt: skip


@st.composite
def weeks(draw: st.DrawFn, most: int = 86_400, step: int = 1) -> dict[int, list[Span]]:
    """Up to three openings a day that do not overlap."""
    week: dict[int, list[Span]] = {}
    for day in range(7):
        ends = sorted(draw(st.sets(st.integers(0, (most - 1) // step), max_size=6)))
        pairs = zip(ends[::2], ends[1::2], strict=False)
        week[day] = [(_time(a * step), _time(b * step)) for a, b in pairs]
        if draw(st.booleans()):
            week[day].append((_time(23 * 3600), None))
    return week


def _time(second: int) -> time:
    return time(second // 3600, second // 60 % 60, second % 60)


def open_at(week: dict[int, list[Span]], at: datetime, zone: ZoneInfo) -> bool:
    """The oracle: whether the local time at this instant is in the opening hours."""
    clock = at.astimezone(zone)
    return any(a <= clock.time() < (b or time.max) for a, b in week[clock.weekday()])


def open_seconds(week: dict[int, list[Span]], start: datetime, zone: ZoneInfo, most: int) -> Iterable[int]:
    return (n for n in range(most) if open_at(week, start + timedelta(seconds=n), zone))


@settings(max_examples=40, deadline=None)
@given(
    weeks(),
    st.sampled_from(CHANGES),
    st.integers(-3 * 3600, 1800),
    st.integers(1, 2 * 3600),
    st.sampled_from(ZONES),
)
def test_due_times_around_clock_changes_equal_an_oracle_that_steps_by_seconds(
    week: dict[int, list[Span]], change: datetime, away: int, wanted: int, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    start = change.replace(tzinfo=UTC) + timedelta(seconds=away)
    calendar = BusinessCalendar(zone_name, week)
    most = 4 * 3600
    worked = list(open_seconds(week, start, zone, most))
    seconds = set(worked)
    assert calendar.between(start, start + timedelta(seconds=most)) == timedelta(seconds=len(worked))
    if len(worked) >= wanted:
        due = start + timedelta(seconds=worked[wanted - 1] + 1)
        assert calendar.add(start, timedelta(seconds=wanted)) == due
    if worked:
        assert calendar.add(start, timedelta(0)) == start + timedelta(seconds=worked[0])
    assert calendar.is_open(start) == (worked[:1] == [0])
    changes = [n for n in range(1, most) if (n in seconds) != (n - 1 in seconds)]
    if changes:
        assert calendar.next_change(start) == start + timedelta(seconds=changes[0])


@settings(max_examples=40, deadline=None)
@given(
    weeks(step=60),
    st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5)),  # noqa: DTZ001 - made aware below
    st.integers(1, 900),
    st.sampled_from([BERLIN, "Australia/Sydney", "UTC"]),
)
def test_due_times_equal_an_oracle_that_steps_by_minutes(
    week: dict[int, list[Span]], naive: datetime, wanted: int, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    start = naive.replace(second=0, microsecond=0, tzinfo=UTC)
    calendar = BusinessCalendar(zone_name, week)
    worked, at = 0, start
    while worked < wanted and at < start + timedelta(days=20):
        worked += open_at(week, at, zone)
        at += timedelta(minutes=1)
    if worked == wanted:
        assert calendar.add(start, timedelta(minutes=wanted)) == at
        assert calendar.between(start, at) == timedelta(minutes=wanted)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=60, deadline=None)
@given(weeks(), moments, st.integers(1, 10**13), st.integers(1, 10**13))
def test_adding_open_time_in_two_parts_equals_adding_it_at_once(
    week: dict[int, list[Span]], start: datetime, first: int, second: int
) -> None:
    calendar = BusinessCalendar(BERLIN, week)
    one, both = timedelta(microseconds=first), timedelta(microseconds=first + second)
    # Only calendars with enough open time: both durations together may be up to 20 million seconds.
    if calendar.between(start, start + timedelta(days=365)) > both / 2:
        due = calendar.add(start, both)
        assert calendar.add(calendar.add(start, one), both - one) == due
        assert calendar.between(start, due) == both
        assert calendar.between(due, start) == -both


@settings(max_examples=60, deadline=None)
@given(weeks(), moments, moments, moments)
def test_open_time_between_instants_adds_up(
    week: dict[int, list[Span]], one: datetime, two: datetime, three: datetime
) -> None:
    calendar = BusinessCalendar(BERLIN, week)
    assert calendar.between(one, two) + calendar.between(two, three) == calendar.between(one, three)
