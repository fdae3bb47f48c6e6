"""Verdicts: rules that go on add values, the first that does not go on is the last, and later values win."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from antiphon.contracts import generate
from antiphon.contracts.cases import CaseOpened
from antiphon.organisation.document import ConfigurationError, Document
from deploy.site import EXAMPLE
from routing.domain.configuration.document import read
from routing.domain.decisions.verdict import Verdict, verdict
from routing.domain.rules import reachability
from routing.domain.rules.conditions import context_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def council(*rules: dict[str, Any]) -> str:
    document = yaml.safe_load(EXAMPLE.read_text())
    named = [{"name": f"r{n}", "when": "true"} | rule for n, rule in enumerate(rules)]
    return yaml.safe_dump(document | {"rules": named}, sort_keys=False)


def decided(*rules: dict[str, Any]) -> Verdict:
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    return verdict(read(council(*rules)), context_of(event.case, [event.interaction], NOW))


def test_rules_that_go_on_add_to_the_one_that_decides_and_later_values_win() -> None:
    found = decided(
        {"go_on": True, "then": {"labels": ["vip", "press"], "priority": 90, "skills": {"phone": 2}}},
        {"go_on": True, "when": "false", "then": {"labels": ["never"]}},
        {
            "go_on": True,
            "then": {"labels": ["press", "late"], "sla_policy": "social", "prefer_agent": "hugo"},
        },
        {"then": {"queue": "rates", "skills": {"phone": 5, "rates": 3}, "prefer_agent": "amara"}},
        {"then": {"queue": "roads", "labels": ["not asked"], "priority": 1}},
    )
    assert found.labels == ["vip", "press", "late"]
    assert (found.rule, found.queue, found.priority, found.sla_policy) == ("r3", "rates", 90, "social")
    assert found.skills == {"phone": 5, "rates": 3}
    assert found.prefer_agent == "amara"
    assert found.rules == ["r0", "r2", "r3"]
    assert found.reason == "first rule that holds: true; also 'r0', 'r2', which went on"
    assert [outcome.result for outcome in found.trace] == ["true", "false", "true", "true", "true"]


def test_a_rule_without_priority_and_policy_takes_the_defaults() -> None:
    found = decided({"then": {"queue": "social-care"}})
    assert (found.priority, found.sla_policy, found.labels, found.rules) == (50, "social", [], ["r0"])


def test_work_that_no_rule_decides_goes_to_a_queue_of_one_that_goes_on_or_the_first() -> None:
    named = decided({"go_on": True, "then": {"queue": "roads"}}, {"go_on": True, "then": {"labels": ["x"]}})
    assert (named.rule, named.queue, named.priority, named.labels) == ("r0", "roads", 50, ["x"])
    caught = decided(
        {"go_on": True, "then": {"labels": ["x"]}}, {"when": "false", "then": {"queue": "roads"}}
    )
    assert (caught.rule, caught.queue, caught.priority) == ("(no rule matched)", "rates", 0)
    assert (caught.labels, caught.rules) == (["x"], ["r0"])


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ({"then": {"priority": 3}}, "rules.0.then.queue", "must be set, except in a rule that goes on"),
        (
            {"then": {"queue": "rates", "prefer_agent": "amra"}},
            "rules.0.then.prefer_agent",
            "unknown agent 'amra', did you mean 'amara'?",
        ),
        ({"then": {"queue": "rates", "labels": [""]}}, "rules.0.then.labels.0", "at least 1 character"),
    ],
)
def test_a_wrong_rule_is_a_fault(rule: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(council(rule))
    (fault,) = refused.value.faults
    assert fault.path == path
    assert message in fault.message


def test_a_rule_that_goes_on_without_a_queue_has_no_warning() -> None:
    labels: dict[str, Any] = {"go_on": True, "then": {"labels": ["all"]}}
    fine = council(
        labels,
        {"go_on": True, "then": {"queue": "roads"}},
        {"when": "case.replies > 1", "then": {"queue": "rates"}},
    )
    assert reachability.warnings(Document(fine), read(fine).rules) == []
    open_ended = council(labels, {"when": "case.replies > 1", "then": {"queue": "rates"}})
    assert [w.kind for w in reachability.warnings(Document(open_ended), read(open_ended).rules)] == [
        "no-rule-catches"
    ]
