from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.calendar import BeyondHorizonError, BusinessCalendar, Span, parse_span

BERLIN = "Europe/Berlin"
FIRST = date(2026, 3, 2)
OFFICE: dict[int, list[Span]] = {day: [(time(9), time(12)), (time(13), time(18))] for day in range(5)}


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_behaviour_16_lunch_weekend_holiday_and_clock_change() -> None:
    # Friday 17:30, four hours; Monday is a holiday; the clocks change on the Sunday between.
    calendar = BusinessCalendar(BERLIN, OFFICE, {date(2026, 3, 30)}, FIRST)
    due = calendar.add(local("2026-03-27T17:30"), timedelta(hours=4))
    assert due == local("2026-03-31T13:30")


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
    ],
)
def test_office_hours(start: str, hours: int, due: str) -> None:
    calendar = BusinessCalendar(BERLIN, OFFICE, set(), FIRST)
    assert calendar.add(local(start), timedelta(hours=hours)) == local(due)


def test_around_the_clock_counts_every_second_through_a_clock_change() -> None:
    calendar = BusinessCalendar("UTC", None, set(), FIRST)
    start = local("2026-03-28T23:00")
    assert calendar.add(start, timedelta(hours=24)) - start.astimezone(UTC) == timedelta(hours=24)


def test_a_night_shift_is_two_spans() -> None:
    night: dict[int, list[Span]] = {day: [(time(22), None), (time(0), time(6))] for day in range(7)}
    calendar = BusinessCalendar("UTC", night, set(), FIRST)
    assert calendar.add(datetime(2026, 3, 3, 23, tzinfo=UTC), timedelta(hours=2)) == datetime(
        2026, 3, 4, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("opens", "closes", "start", "minutes", "due"),
    [
        # In spring there is no 02:15; in autumn it comes twice.
        (time(2), time(2, 30), "2026-03-29T00:00", 1, datetime(2026, 4, 5, 0, 1, tzinfo=UTC)),
        (time(1, 30), time(3, 30), "2026-03-29T00:00", 60, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (time(2), time(2, 30), "2026-10-25T00:00", 31, datetime(2026, 10, 25, 1, 1, tzinfo=UTC)),
        (time(1, 30), time(2, 30), "2026-10-25T00:00", 61, datetime(2026, 10, 25, 1, 1, tzinfo=UTC)),
    ],
)
def test_hours_that_a_clock_change_leaves_out_or_repeats(
    opens: time, closes: time, start: str, minutes: int, due: datetime
) -> None:
    calendar = BusinessCalendar(BERLIN, {6: [(opens, closes)]}, set(), FIRST)
    assert calendar.add(local(start), timedelta(minutes=minutes)) == due


def test_never_open_is_told_not_looped() -> None:
    calendar = BusinessCalendar("UTC", {}, set(), FIRST)
    with pytest.raises(BeyondHorizonError):
        calendar.add(datetime(2026, 3, 3, tzinfo=UTC), timedelta(seconds=1))


@pytest.mark.parametrize("text", ["17:00-09:00", "09:00", "9-5", "09:00-25:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"-|hour|Invalid"):
        parse_span(text)


minutes = st.integers(0, 23 * 60 + 59)


@st.composite
def weeks(draw: st.DrawFn) -> dict[int, list[Span]]:
    """Up to three openings a day that do not overlap, on whole minutes."""
    week: dict[int, list[Span]] = {}
    for day in range(7):
        ends = sorted(draw(st.sets(minutes, max_size=6)))
        pairs = zip(ends[::2], ends[1::2], strict=False)
        week[day] = [(time(a // 60, a % 60), time(b // 60, b % 60)) for a, b in pairs]
    return week


def open_at(week: dict[int, list[Span]], at: datetime, zone: ZoneInfo) -> bool:
    clock = at.astimezone(zone)
    return any(a <= clock.time() < (b or time.max) for a, b in week[clock.weekday()])


@settings(max_examples=40, deadline=None)
@given(
    weeks(),
    st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5)),  # noqa: DTZ001 - made aware below
    st.integers(1, 900),
    st.sampled_from([BERLIN, "Australia/Sydney", "UTC"]),
)
def test_due_times_equal_those_of_stepping_minute_by_minute(
    week: dict[int, list[Span]], naive: datetime, wanted: int, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)
    start = naive.replace(second=0, microsecond=0, tzinfo=UTC)
    calendar = BusinessCalendar(zone_name, week, set(), FIRST)
    worked, at = 0, start
    while worked < wanted and at < start + timedelta(days=20):
        worked += open_at(week, at, zone)
        at += timedelta(minutes=1)
    if worked == wanted:
        assert calendar.add(start, timedelta(minutes=wanted)) == at
        assert calendar.between(start, at) == timedelta(minutes=wanted)


@settings(max_examples=60, deadline=None)
@given(weeks(), st.integers(1, 5000), st.integers(1, 5000))
def test_business_time_adds_up(week: dict[int, list[Span]], first: int, second: int) -> None:
    calendar = BusinessCalendar(BERLIN, week, set(), FIRST)
    start = datetime(2026, 3, 20, 7, 13, tzinfo=UTC)
    zone = ZoneInfo(BERLIN)
    # Enough a week that the calendar reaches so far: ten thousand minutes in three years.
    if sum(open_at(week, start + timedelta(minutes=minute), zone) for minute in range(7 * 24 * 60)) > 70:
        stepped = calendar.add(calendar.add(start, timedelta(minutes=first)), timedelta(minutes=second))
        assert stepped == calendar.add(start, timedelta(minutes=first + second))
