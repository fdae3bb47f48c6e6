"""Conditions read the state of queues, labels and calendars: typed, checked when loaded, the same in live rules and trials."""

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
def test_a_condition_reads_the_state_of_queues_labels_and_calendars(when: str, holds: bool) -> None:
    now = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    context = complete(
        {**time_variables(now), **FULL, **label_variables(["flood"]), **calendar_variables(["office"])}
    )
    condition = Condition(when)
    place, (outcome,) = decide([("one", condition)], context)
    assert (outcome.result, place) == (("true", 0) if holds else ("false", None))
    assert ConditionBatch([("one", condition)] * 3).evaluate([context]) == [(7 if holds else 0, {})]


def test_time_variables_are_in_the_organisations_time_zone() -> None:
    now = datetime(2026, 11, 24, 22, 30, tzinfo=UTC).astimezone(ZoneInfo("Australia/Sydney"))
    assert time_variables(now) == {
        "now.date": "2026-11-25",
        "now.weekday": "wednesday",
        "now.hour": 9,
        "now.minute": 30,
    }


@pytest.mark.parametrize(
    ("when", "message", "column"),
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
def test_a_wrong_use_of_a_state_variable_is_rejected_at_its_column(
    when: str, message: str, column: int
) -> None:
    with pytest.raises(RuleError, match=message) as refused:
        Condition(when)
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ('queues["social-cre"].waiting > 3', "unknown queue 'social-cre', did you mean 'social-care'?"),
        ('labels["vip"].surging', "unknown label 'vip'; there is none"),
        ('!calendar("ofice").open', "unknown calendar 'ofice', did you mean 'office'?"),
    ],
)
def test_an_unknown_name_is_a_fault_with_its_place_and_a_suggestion(when: str, message: str) -> None:
    spoilt = COUNCIL.replace('when: case.department == "planning"', f"when: {when}")
    if when.startswith("!"):
        spoilt = COUNCIL.replace('when: case.department == "planning"', f"when: >-\n      {when}")
    with pytest.raises(ConfigurationError) as refused:
        read(spoilt)
    (fault,) = refused.value.faults
    assert fault.message == message
    if not when.startswith("!"):
        assert spoilt.split("\n")[fault.line - 1][fault.column - 1 :] == when


def test_an_unknown_time_zone_of_the_organisation_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match=r"organisation\.time_zone: unknown time zone"):
        read(COUNCIL.replace("time_zone: Australia/Sydney", "time_zone: Australia/Sidney", 1))


@given(st.lists(st.text(max_size=6), min_size=2, max_size=2, unique=True))
def test_distinct_names_have_distinct_identifiers(names: list[str]) -> None:
    one, other = (Mention("queues", name, "waiting", 1, 1).identifier for name in names)
    assert one != other


def test_the_solver_considers_every_value_of_a_state_variable() -> None:
    def complaints_of(*conditions: str) -> list[Complaint]:
        rules = [CheckedRule(f"r{place}", Condition(when)) for place, when in enumerate(conditions)]
        return complaints(rules)

    waits = 'queues["rates"].waiting > 5'
    assert complaints_of(waits, "true") == []
    assert complaints_of(waits, 'queues["roads"].waiting > 5', "true") == []
    assert complaints_of(waits, 'queues["rates"].waiting > 7', "true")[0][:2] == (Kind.NEVER_MATCHES, 1)
    assert (
        complaints_of('calendar("office").open && !calendar("office").open', "true")[0][0]
        == Kind.CONTRADICTION
    )
    ((kind, place, message, _),) = complaints_of(waits, 'calendar("office").open')
    assert (kind, place) == (Kind.NO_RULE_CATCHES, None)
    assert 'queues["rates"].waiting 0' in message
    assert 'calendar("office").open false' in message


def test_a_trial_uses_the_recorded_queue_state_and_the_drafts_own_calendars() -> None:
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
