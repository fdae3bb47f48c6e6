"""The roster: who is an agent at a time, who of them is away, and until when that holds. What can be wrong with people."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.organisation.document import ConfigurationError
from routing.domain.configuration.document import NoTimeError, read
from routing.domain.configuration.roster import why_no_agent
from tests.support.routing.organisation import agent, organisation_yaml

SYDNEY = ZoneInfo("Australia/Sydney")
MONDAY = datetime(2027, 1, 4, tzinfo=SYDNEY)


def person(**settings: Any) -> str:
    return organisation_yaml(agent("elena", **settings))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SYDNEY)


@pytest.mark.parametrize(
    ("settings", "moment", "because", "until"),
    [
        ({"shifts": "office"}, "2027-01-04T08:00", "outside the shift until 2027-01-04 08:30", "2027-01-04T08:30"),
        ({"shifts": "office"}, "2027-01-04T08:30", None, "2027-01-04T12:30"),
        ({"shifts": "office"}, "2027-01-01T12:00", "outside the shift until 2027-01-04 08:30", "2027-01-04T08:30"),
        (
            {"shifts": "office", "absences": [{"from": "2027-01-04", "until": "2027-01-05T12:00"}]},
            "2027-01-04T09:00", "absent until 2027-01-05 12:00", "2027-01-04T12:30",
        ),
        ({"absences": [{"from": "2027-01-04"}]}, "2027-01-04T09:00", "absent", None),
        ({"absences": [{"from": "2027-01-05"}]}, "2027-01-04T09:00", None, "2027-01-05T00:00"),
        ({"from": "2027-01-01"}, "2027-01-04T09:00", None, None),
    ],
)  # fmt: skip
def test_who_is_absent_or_outside_the_shift_is_away_and_no_member(
    settings: dict[str, Any], moment: str, because: str | None, until: str | None
) -> None:
    configuration = read(person(**settings)).at(at(moment))
    away = configuration.agents_by_id["elena"].away
    assert (away and away.because) == because
    assert ("elena" in {one.id for one in configuration.members["planning"]}) == (because is None)
    assert configuration.roster.until == (None if until is None else at(until))


def test_who_is_a_member_of_no_queue_is_no_agent() -> None:
    configuration = read(organisation_yaml()).at(MONDAY)
    assert set(configuration.people_by_id) - set(configuration.agents_by_id) == {
        "sam", "rosa", "maria", "olga", "adam",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"from": "2027-02-01"}, "Elena Marino begins at 2027-02-01 00:00."),
        ({"until": "2027-01-04"}, "Elena Marino left at 2027-01-04 00:00."),
        ({"queues": []}, "Elena Marino is a member of no queue."),
        ({"id": "ellen"}, "'elena' is not an agent of this organisation."),
    ],
)
def test_the_reason_why_somebody_is_no_agent_is_named(settings: dict[str, Any], why: str) -> None:
    configuration = read(person(**settings)).at(MONDAY)
    assert "elena" not in configuration.agents_by_id
    assert why_no_agent(configuration, "elena", MONDAY) == why


def test_a_configuration_without_a_time_has_no_agents() -> None:
    with pytest.raises(NoTimeError):
        _ = read(organisation_yaml()).agents_by_id


WHOLE = read(
    organisation_yaml(
        agent("elena", shifts="office", absences=[{"from": "2027-01-05", "until": "2027-01-06T10:00"}]),
        agent(
            "farid", until="2027-01-07", queues=[{"queue": "planning", "until": "2027-01-05T09:00"}, "roads"]
        ),
        agent("dev", **{"from": "2027-01-06T07:45"}),
    )
)


@given(st.integers(0, 4 * 24 * 4), st.integers(0, 4 * 24))
def test_a_roster_is_the_same_at_every_moment_until_it_ends(quarters: int, later: int) -> None:
    now = MONDAY + timedelta(minutes=15 * quarters)
    moment = now + timedelta(minutes=15 * later)
    first, second = WHOLE.at(now), WHOLE.at(moment)
    same = {key: one.queues for key, one in first.agents_by_id.items()} == {
        key: one.queues for key, one in second.agents_by_id.items()
    } and {key: one.away for key, one in first.agents_by_id.items()} == {
        key: one.away for key, one in second.agents_by_id.items()
    }
    until = first.roster.until
    if until is None or moment < until:
        assert same
        assert first.at(moment) is first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"id": "farid"}, "people.5.id: a second person 'farid'"),
        ({"queues": ["planing"]}, "people.4.queues.0: unknown queue 'planing', did you mean 'planning'?"),
        ({"queues": [{"queue": "planing"}]}, "people.4.queues.0: unknown queue 'planing'"),
        ({"departments": ["planing"]}, "people.4.departments.0: unknown department 'planing'"),
        ({"skills": {"planing": 3}}, "people.4.skills.planing: unknown skill 'planing'"),
        ({"shifts": "offce"}, "people.4.shifts: unknown calendar 'offce', did you mean 'office'?"),
        ({"supervises": {"queues": ["planing"]}}, "people.4.supervises.queues.0: unknown queue 'planing'"),
        ({"supervises": {"departments": ["x"]}}, "people.4.supervises.departments.0: unknown department 'x'"),
        ({"permissions": ["public"]}, "people.4.permissions.0: Input should be 'public-reply'"),
        ({"from": "2027-01-05", "until": "2027-01-05"}, "people.4.until: must be later than `from`"),
        (
            {"queues": [{"queue": "planning", "from": "2027-01-05", "until": "2027-01-04"}]},
            "people.4.queues.0.until: must be later than `from`",
        ),
        (
            {"absences": [{"from": "2027-01-05", "until": "2027-01-09"}, {"from": "2027-01-04", "until": "2027-01-06"}]},
            "people.4.absences.0: overlaps the absence from 2027-01-04 until 2027-01-06",
        ),
        (
            {"absences": [{"from": "2027-01-04"}, {"from": "2027-01-05"}]},
            "people.4.absences.1: overlaps the absence from 2027-01-04",
        ),
        (
            {"absences": [{"from": "2027-01-01", "until": "2027-02-01"}, {"from": "2027-01-03", "until": "2027-01-04"},
                          {"from": "2027-01-20", "until": "2027-01-21"}]},
            "people.4.absences.2: overlaps the absence from 2027-01-01 until 2027-02-01",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_person_is_named_with_its_place(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(person(**settings))
    found = [f"{fault.path}: {fault.message}" for fault in error.value.faults]
    assert any(line.startswith(message) for line in found), found
    assert all(fault.line > 1 for fault in error.value.faults)
