from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.organisation.document import ConfigurationError
from antiphon.organisation.step import Step
from routing.domain.configuration.document import Configuration, read
from routing.domain.queues import escalation
from routing.domain.queues.escalation import Need
from routing.domain.time.business_calendar import BusinessCalendar
from tests.support.routing.organisation import Json, agent, organisation_yaml, queue, section

SKILLS = {"german": "Speaks German", "product": "Knows the product", "tone": "Finds the tone"}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
levels = st.dictionaries(st.sampled_from(sorted(SKILLS)), st.integers(1, 10))
steps = st.builds(
    Step.model_construct,
    after=st.just(timedelta(minutes=1)),
    lower=levels,
    drop=st.lists(st.sampled_from(sorted(SKILLS))),
    needs=st.none() | levels,
    add_queue=st.sampled_from([None, "rates", "roads"]),
    raise_priority=st.integers(0, 100),
)
needs = st.builds(
    Need, levels, levels, st.lists(st.sampled_from(["roads", "planning"]), unique=True), st.integers(0, 100)
)


def with_skills(organisation: Json) -> None:
    organisation["skills"] |= SKILLS


def configured(*given_steps: Json, **more: Any) -> Configuration:
    return read(organisation_yaml(with_skills, queue("planning", steps=list(given_steps), **more)))


@given(steps, needs)
def test_a_step_never_requires_more_skills_fewer_queues_or_a_lower_priority(step: Step, before: Need) -> None:
    after = escalation.need_after(step, before)
    for was, now in ((before.skills, after.skills), (before.prefer_skills, after.prefer_skills)):
        assert all(skill in was and level <= was[skill] for skill, level in now.items())
    assert set(after.also_queues) >= set(before.also_queues)
    assert before.priority <= after.priority <= 100
    assert escalation.need_after(step, after)._replace(priority=0) == after._replace(priority=0)


@pytest.mark.parametrize(
    ("step", "skills", "prefers"),
    [
        ({"lower": {"german": 3}}, {"german": 3, "product": 2}, {"tone": 5}),
        ({"lower": {"german": 9}}, {"german": 4, "product": 2}, {"tone": 5}),
        ({"lower": {"tone": 1}}, {"german": 4, "product": 2}, {"tone": 1}),
        ({"drop": ["tone"]}, {"german": 4, "product": 2}, {}),
        ({"drop": ["german"]}, {"product": 2}, {"tone": 5}),
        ({"needs": {"german": 3, "tone": 2}}, {"german": 3}, {"tone": 5}),
        ({"needs": {}}, {}, {"tone": 5}),
    ],
)
def test_what_a_step_does_to_skills(step: Json, skills: Json, prefers: Json) -> None:
    before = Need({"german": 4, "product": 2}, {"tone": 5}, [], 50)
    found = escalation.need_after(Step.model_validate({"after": "1m"} | step), before)
    assert (found.skills, found.prefer_skills, found.also_queues, found.priority) == (skills, prefers, [], 50)


def test_steps_count_the_open_time_of_their_queue() -> None:
    found = configured({"after": "2h", "drop": ["german"]}, hours="office")
    spans = {day: [(time(9), time(12)), (time(13), time(18))] for day in range(5)}
    office = BusinessCalendar("UTC", spans)
    since = datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert escalation.next_step_due(found, {"office": office}, "planning", 0, since) == since.replace(
        day=3, hour=10
    )
    never = BusinessCalendar("UTC", {})
    assert escalation.next_step_due(found, {"office": never}, "planning", 0, since) is None


def test_without_hours_steps_count_all_time_and_no_step_follows_the_last() -> None:
    found = configured({"after": "2h", "drop": ["german"]})
    due = [escalation.next_step_due(found, {}, "planning", passed, NOON) for passed in (0, 1)]
    assert due == [NOON + timedelta(hours=2), None]


def test_a_step_has_its_text() -> None:
    found = configured(
        {"after": "5m", "lower": {"german": 3}, "drop": ["tone"], "add_queue": "roads", "raise_priority": 10}
    )
    assert escalation.step_in_words(found.queues["planning"].steps[0], found) == (
        "after 5m: german 3 is enough; tone is no longer required or preferred; members of Roads are offered it too; priority 10 higher"
    )


def test_the_steps_hash_depends_on_the_steps_and_on_their_calendar() -> None:
    plain = configured({"after": "5m", "drop": ["german"]})
    same = configured({"after": "300s", "drop": ["german"]}, offer_timeout="7m")
    later = configured({"after": "6m", "drop": ["german"]})
    office = configured({"after": "5m", "drop": ["german"]}, hours="office")
    marks = [one.steps_hashes["planning"] for one in (plain, same, later, office)]
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3
    assert plain.steps_hashes["rates"] is None


@pytest.mark.parametrize(
    ("given_steps", "message"),
    [
        ([{"after": "5m"}], "does nothing"),
        ([{"after": "5m", "lower": {"german": 11}}], "less than or equal to 10"),
        ([{"after": "5m", "lower": {"germn": 3}}], "unknown skill 'germn', did you mean 'german'?"),
        ([{"after": "5m", "drop": ["germn"]}], "unknown skill 'germn', did you mean 'german'?"),
        ([{"after": "5m", "needs": {"germn": 3}}], "unknown skill 'germn', did you mean 'german'?"),
        ([{"after": "5m", "add_queue": "rods"}], "unknown queue 'rods', did you mean 'roads'?"),
        ([{"after": "5m", "add_queue": "planning"}], "must be another queue"),
        ([{"after": "5m", "drop": ["tone"]}, {"after": "5m", "drop": ["german"]}], "must be later"),
        ([{"after": "soon", "drop": ["tone"]}], "must be a duration"),
    ],
)
def test_a_faulty_step_is_a_fault_with_its_place(given_steps: list[Json], message: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        configured(*given_steps)
    assert any(
        message in fault.message and fault.path.startswith("queues.planning.steps")
        for fault in wrong.value.faults
    )


def test_units_are_those_of_the_queue_then_those_of_the_channel() -> None:
    found = read(
        organisation_yaml(
            queue("social-care", units=2),
            section("channel_units", {"social": 1, "phone": "all"}),
            agent("grace", capacity=4),
        )
    )
    assert (
        found.units("social", "social-care"),
        found.units("social", "rates"),
        found.units("email", "rates"),
    ) == (2, 1, 1)
