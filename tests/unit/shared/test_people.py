"""People: where they belong at a time, against a brute force over all moments of their periods."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from antiphon.organisation.organisation import Organisation
from antiphon.organisation.period import instant
from antiphon.organisation.person import (
    Person,
    absent_until,
    departments_of,
    is_absent,
    is_employed,
    next_change,
    occupation,
    queues_of,
)
from deploy.site import EXAMPLE

SYDNEY = ZoneInfo("Australia/Sydney")
PARTS: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
PARTS["queues"]["planning"]["members"] = {"people": ["mia"]}


def organisation(*people: dict[str, Any]) -> Organisation:
    return Organisation.model_validate(
        PARTS | {"people": [{"id": "mia", "name": "Mia", **each} for each in people]}
    )


def sydney(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SYDNEY)


@pytest.mark.parametrize(
    ("person", "at", "queues", "departments"),
    [
        ({"queues": ["roads"]}, "2027-01-04T00:00", ["roads", "planning"], []),
        ({"from": "2027-01-04"}, "2027-01-03T23:59:59", [], []),
        ({"from": "2027-01-04"}, "2027-01-04T00:00", ["planning"], []),
        ({"until": "2027-01-04"}, "2027-01-04T00:00", [], []),
        ({"until": "2027-01-04T08:30", "departments": ["rates"]}, "2027-01-04T08:29", ["planning"], ["rates"]),
        ({"until": "2027-01-04T08:30+11:00", "departments": ["rates"]}, "2027-01-04T08:30", [], []),
        (
            {"queues": [{"queue": "rates", "until": "2027-01-04"}, {"queue": "roads", "from": "2027-01-04"}],
             "departments": [{"department": "rates", "until": "2027-01-04"}, "roads"]},
            "2027-01-04T00:00", ["roads", "planning"], ["roads"],
        ),
        ({"queues": ["roads", {"queue": "roads", "until": "2027-01-04"}]}, "2027-01-01T00:00", ["roads", "planning"], []),
        ({"absences": [{"from": "2027-01-01"}], "queues": ["roads"]}, "2027-01-04T00:00", ["roads", "planning"], []),
    ],
)  # fmt: skip
def test_a_membership_holds_from_its_first_moment_until_its_end(
    person: dict[str, Any], at: str, queues: list[str], departments: list[str]
) -> None:
    found = organisation(person)
    assert queues_of(found.people[0], found, sydney(at)) == queues
    assert departments_of(found.people[0], found, sydney(at)) == departments
    assert is_employed(found.people[0], found, sydney(at)) == bool(queues)


@pytest.mark.parametrize(
    ("absences", "until"),
    [
        ([{"from": "2027-01-04", "until": "2027-01-11"}], "2027-01-11T00:00"),
        ([{"from": "2027-01-05", "until": "2027-01-11T12:00"}, {"from": "2027-01-04", "until": "2027-01-05"}], "2027-01-11T12:00"),
        ([{"from": "2027-01-04", "until": "2027-01-05"}, {"from": "2027-01-06", "until": "2027-01-07"}], "2027-01-05T00:00"),
        ([{"from": "2027-01-04"}], None),
        ([{"from": "2027-01-05"}], None),
    ],
)  # fmt: skip
def test_an_absence_ends_where_the_last_of_those_that_touch_ends(
    absences: list[dict[str, str]], until: str | None
) -> None:
    found = organisation({"absences": absences})
    end = absent_until(found.people[0], found, sydney("2027-01-04T09:00"))
    assert end == (None if until is None else sydney(until))


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2027-04-04T02:30", "2027-04-03T15:30+00:00"),  # the clock change repeats it: the first counts
        ("2027-10-03", "2027-10-02T14:00+00:00"),
        ("2027-10-03T02:30:00Z", "2027-10-03T02:30+00:00"),
    ],
)
def test_a_day_and_a_time_without_offset_are_those_of_the_organisation(written: str, at: str) -> None:
    begins = organisation({"from": written}).people[0].since
    assert begins is not None
    assert instant(begins, SYDNEY) == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    ("person", "message"),
    [
        ({"from": "tomorrow"}, "must be a day like 2027-01-04 or a time like 2027-01-04T08:30"),
        ({"from": "0001-01-01"}, "must be a day like"),
        ({"until": 2027}, "must be a day like"),
        ({"absences": [{"until": "2027-01-04"}]}, "Field required"),
        ({"supervises": "all"}, "must be `everything`, or departments and queues"),
        ({"permissions": ["public-replies"]}, "Input should be 'public-reply'"),
        ({"since": "2027-01-04"}, "Extra inputs are not permitted"),
    ],
)
def test_what_a_person_can_not_be_is_refused(person: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        organisation(person)


def test_a_person_written_as_json_is_read_as_the_same_person() -> None:
    person = {
        "queues": ["roads", {"queue": "rates", "from": "2027-01-04"}], "supervises": "everything",
        "absences": [{"from": "2027-01-04T12:00", "until": "2027-01-11T00:00:00Z"}], "permissions": ["public-reply"],
    }  # fmt: skip
    for each in (person, person | {"supervises": {"departments": ["roads"]}}):
        found = organisation(each).people[0]
        assert Person.model_validate_json(found.model_dump_json()) == found


BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 12)


@st.composite
def periods(draw: st.DrawFn, **fields: Any) -> dict[str, Any]:
    """A period within the first hours of the year, each end of it in any form."""
    ends = sorted(draw(st.lists(HOURS, min_size=2, max_size=2, unique=True)))
    written: dict[str, Any] = dict(fields)
    for name, hour in zip(("from", "until"), ends, strict=True):
        zone = draw(st.sampled_from([UTC, SYDNEY, timezone(timedelta(hours=-3))]))
        at = (BEGIN + timedelta(hours=hour)).astimezone(zone)
        if draw(st.booleans()):
            written[name] = at.replace(tzinfo=None).isoformat() if zone is SYDNEY else at.isoformat()
    return written


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    memberships = st.sampled_from(["rates", "roads", "planning"])
    return draw(periods()) | {
        "queues": [draw(periods(queue=draw(memberships))) for _ in range(draw(st.integers(0, 3)))],
        "departments": [draw(periods(department=draw(memberships))) for _ in range(draw(st.integers(0, 2)))],
        "absences": [{"from": BEGIN.isoformat()} | draw(periods()) for _ in range(draw(st.integers(0, 2)))],
    }


@given(st.lists(people(), min_size=1, max_size=3), HOURS)
def test_the_next_change_is_the_first_moment_at_which_any_answer_differs(
    written: list[dict[str, Any]], hour: int
) -> None:
    found = organisation(*written)
    now = BEGIN + timedelta(hours=hour, minutes=-30)
    # Every end lies on a whole hour, so half past is within each period between two ends.
    answers = {
        n: [occupation(person, found, BEGIN + timedelta(hours=n, minutes=30)) for person in found.people]
        for n in range(-2, 14)
    }
    expected = next(
        (BEGIN + timedelta(hours=n) for n in range(hour, 14) if answers[n] != answers[n - 1]), None
    )
    assert next_change(found.people, found, now) == expected


@given(people(), HOURS)
def test_an_occupation_is_what_each_period_says_at_that_moment(written: dict[str, Any], hour: int) -> None:
    def covers(period: dict[str, Any]) -> bool:
        ends: list[datetime] = []
        for name, default in (("from", "1990-01-01T00:00+00:00"), ("until", "2100-01-01T00:00+00:00")):
            at = datetime.fromisoformat(period.get(name, default))
            ends.append(at if at.tzinfo else at.replace(tzinfo=SYDNEY))
        return ends[0] <= at_hour < ends[1]

    at_hour = BEGIN + timedelta(hours=hour)
    found = organisation(written)
    (person,) = found.people
    employed = covers(written)
    assert is_employed(person, found, at_hour) == employed
    assert set(queues_of(person, found, at_hour)) == (
        {each["queue"] for each in written["queues"] if covers(each)} | {"planning"} if employed else set()
    )
    assert set(departments_of(person, found, at_hour)) == {
        each["department"] for each in written["departments"] if employed and covers(each)
    }
    assert is_absent(person, found, at_hour) == any(map(covers, written["absences"]))
