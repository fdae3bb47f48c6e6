"""Rules ask how queues and calendars stand, by their names: typed, checked before use, and the same wherever it is evaluated."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE
from routing.domain.configuration.document import read
from routing.domain.decisions.trial import Recorded, Trial
from routing.domain.decisions.verdict import verdict
from routing.domain.rules.conditions import (
    Condition,
    ConditionBatch,
    RuleError,
    complete,
    decide,
    time_variables,
)
from routing.domain.rules.queue_state import Mention, calendar_variables, label_variables, queue_variables
from routing.domain.rules.reachability import CheckedRule, Complaint, Kind, complaints

COUNCIL = EXAMPLE.read_text()
FULL = queue_variables("roads", open=False) | queue_variables(
    "social-care", waiting=31, agents_present=2, oldest_seconds=90, surging=True
)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('queues["social-care"].waiting > 30', True),
        ("queues [ 'social-care' ] . waiting > 31", False),
        ('queues["rates"].waiting == 0 && !queues["rates"].surging', True),
        ('queues["social-care"].surging && queues["social-care"].agents_present < 3', True),
        ('queues["social-care"].oldest_seconds >= 90', True),
        ('queues["rates"].open && !queues["roads"].open', True),
        ('labels["flood"].surging && !labels["rain"].surging', True),
        ("[1].exists(queues, queues == 1) && [2].exists(labels, labels == 2)", True),
        ('calendar("office").open', True),
        ('calendar("always").open', False),
        ('interaction.text == \'queues["rates"].waiting\' // queues["x"].y', False),
        ('now.hour >= 9 && now.weekday == "tuesday" && now.date == "2026-11-24"', True),
    ],
)
def test_a_rule_may_ask_how_queues_and_calendars_stand(when: str, holds: bool) -> None:
    now = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    context = complete(
        {**time_variables(now), **FULL, **label_variables(["flood"]), **calendar_variables(["office"])}
    )
    condition = Condition(when)
    place, (outcome,) = decide([("one", condition)], context)
    assert (outcome.result, place) == (("true", 0) if holds else ("false", None))
    assert ConditionBatch([("one", condition)] * 3).evaluate([context]) == [(7 if holds else 0, {})]


def test_what_a_clock_shows_is_that_of_the_organisations_zone() -> None:
    now = datetime(2026, 11, 24, 22, 30, tzinfo=UTC).astimezone(ZoneInfo("Australia/Sydney"))
    assert time_variables(now) == {
        "now.date": "2026-11-25",
        "now.weekday": "wednesday",
        "now.hour": 9,
        "now.minute": 30,
    }


@pytest.mark.parametrize(
    ("when", "told", "column"),
    [
        ('queues["rates"].waitng > 3', "a queue has no 'waitng', did you mean 'waiting'", 1),
        ('calendar("office").closed', "a calendar has no 'closed'", 1),
        ("true || queues[interaction.department].waiting > 3", "ask for one by its name: queues", 9),
        ('queues("rates").waiting > 3', "undeclared reference to 'queues'|ask for one", 7),
        ("labels.size() > 3", "ask for one by its name: labels", 1),
        ('queues["rates"].waiting > "three"', "no matching overload", 25),
        (
            'queues["rates"].waiting > 1 && queues["roads"].waiting > 1 && case.intractions > 1',
            "undeclared",
            67,
        ),
        ('queues["rates"].waiting > 1 &&\ncase.intractions > 1', "undeclared", 5),
    ],
)
def test_what_can_not_be_asked_is_refused_where_it_is_written(when: str, told: str, column: int) -> None:
    with pytest.raises(RuleError, match=told) as refused:
        Condition(when)
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ('queues["social-cre"].waiting > 3', "unknown queue 'social-cre', did you mean 'social-care'?"),
        ('labels["vip"].surging', "unknown label 'vip'; there is none"),
        ('!calendar("ofice").open', "unknown calendar 'ofice', did you mean 'office'?"),
    ],
)
def test_a_name_that_there_is_not_is_told_with_its_place_and_the_one_that_was_meant(
    when: str, told: str
) -> None:
    spoilt = COUNCIL.replace('when: case.department == "planning"', f"when: {when}")
    if when.startswith("!"):
        spoilt = COUNCIL.replace('when: case.department == "planning"', f"when: >-\n      {when}")
    with pytest.raises(ConfigurationError) as refused:
        read(spoilt)
    (fault,) = refused.value.faults
    assert fault.message == told
    if not when.startswith("!"):
        assert spoilt.split("\n")[fault.line - 1][fault.column - 1 :] == when


def test_a_time_zone_of_the_organisation_that_there_is_not_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match=r"organisation\.time_zone: unknown time zone"):
        read(COUNCIL.replace("time_zone: Australia/Sydney", "time_zone: Australia/Sidney", 1))


@given(st.lists(st.text(max_size=6), min_size=2, max_size=2, unique=True))
def test_distinct_names_are_distinct_variables(names: list[str]) -> None:
    one, other = (Mention("queues", name, "waiting", 1, 1).identifier for name in names)
    assert one != other


def test_the_solver_takes_how_things_stand_for_anything_it_can_be() -> None:
    def told(*conditions: str) -> list[Complaint]:
        rules = [CheckedRule(f"r{place}", Condition(when)) for place, when in enumerate(conditions)]
        return complaints(rules)

    waits = 'queues["rates"].waiting > 5'
    assert told(waits, "true") == []
    assert told(waits, 'queues["roads"].waiting > 5', "true") == []
    assert told(waits, 'queues["rates"].waiting > 7', "true")[0][:2] == (Kind.NEVER_MATCHES, 1)
    assert told('calendar("office").open && !calendar("office").open', "true")[0][0] == Kind.CONTRADICTION
    ((kind, place, message),) = told(waits, 'calendar("office").open')
    assert (kind, place) == (Kind.NO_RULE_CATCHES, None)
    assert 'queues["rates"].waiting 0' in message
    assert 'calendar("office").open false' in message


def test_a_trial_replays_what_was_known_and_asks_the_drafts_own_calendars() -> None:
    rule = (
        '  - name: Busy\n    when: queues["rates"].waiting > 5 && calendar("office").open\n'
        "    then: { queue: front-desk, priority: 1 }\n"
    )
    draft = read(COUNCIL.replace("rules:\n", f"rules:\n{rule}"))
    live = read(COUNCIL)
    busy = queue_variables("rates", waiting=6)
    contexts = [
        ("2026-11-24T00:00:00+00:00", complete(busy) | calendar_variables(["office"])),  # 11:00 in Sydney
        ("2026-11-24T00:00:00+00:00", complete(busy)),  # the calendar was another one then
        ("2026-11-24T10:00:00+00:00", complete(busy) | calendar_variables(["office"])),  # 21:00
        ("2026-11-24T00:00:00+00:00", complete({})),
    ]
    decisions = [
        Recorded(str(n), at, found.rule, found.outcome, context)
        for n, (at, context) in enumerate(contexts)
        if (found := verdict(live, context))
    ]
    changed = Trial(draft, frozenset(), datetime(2026, 11, 25, tzinfo=UTC)).add(decisions)
    assert [(item.decision_id, item.rule) for item in changed] == [("0", "Busy"), ("1", "Busy")]
