"""Trials: rules have the same results on many contexts together as on each alone."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.site import EXAMPLE
from routing.domain.configuration.document import read
from routing.domain.decisions.trial import Recorded, Trial
from routing.domain.decisions.verdict import verdict
from routing.domain.rules.conditions import VARIABLES, Condition, ConditionBatch, Context, complete, decide

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
COUNCIL = read(EXAMPLE.read_text())
_VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: st.sampled_from(["", "email", "social", "rates", "roads", "planning", "negative"]),
    int: st.integers(-1, 5),
    bool: st.booleans(),
    list: st.lists(st.sampled_from(["vip", "pothole"]), max_size=2),
}
CONTEXTS = st.fixed_dictionaries({name: _VALUES[kind] for name, kind in VARIABLES.items()})
# Some have errors on some contexts: no such topic, a division by zero.
WRITTEN = [
    'case.department == "rates"', "true", "false", 'interaction.topics[0] == "vip"', "10 / case.replies > 2",
    'interaction.channel == "social" // a remark', "customer.labels.exists(l, l == 'vip')", "case.interactions > 2 || true",
    "true ? false : true",
]  # fmt: skip
RULES = [(f"{n}", Condition(WRITTEN[n % len(WRITTEN)])) for n in range(200)]


@given(st.lists(CONTEXTS, min_size=1, max_size=8), st.integers(0, 200), st.integers(0, 200))
def test_conditions_evaluated_together_have_the_results_of_each_alone(
    contexts: list[Context], a: int, b: int
) -> None:
    rules = RULES[min(a, b) : max(a, b)]
    for context, (holds, errors) in zip(contexts, ConditionBatch(rules).evaluate(contexts), strict=True):
        _, outcomes = decide(rules, context)
        assert [outcome.error for outcome in outcomes] == [errors.get(place) for place in range(len(rules))]
        assert [outcome.result == "true" for outcome in outcomes] == [
            bool(holds >> place & 1) for place in range(len(rules))
        ]


PATTERNS = [
    "a", "^a", "a$", r"\\Aa", r"\\bab\\b", r"\\Bb", "", "(?i)A", "[^b]", "a.b", r"\\x5ea", "b{2}", "(a|^)b",
]  # fmt: skip
SEARCHES = [
    (text, Condition(written.format(text)))
    for text in PATTERNS
    for written in (
        "interaction.text.matches('{}')", "!interaction.text.matches('{}') // '", 'interaction . text.matches("{}")',
        "case.subject == \"interaction.text.matches('{0}')\" || case.subject.matches('{0}') && true",
        "customer.labels.exists(l, l.matches('{0}')) || interaction.text.matches( r'{0}' )",
    )
]  # fmt: skip
TEXTS = st.text(alphabet="abAB \n^", max_size=5)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_a_pattern_searched_in_joined_texts_is_found_in_the_right_ones(
    texts: list[tuple[str, str]],
) -> None:
    contexts = [
        complete({"interaction.text": text, "case.subject": subject, "customer.labels": [text]})
        for text, subject in texts
    ]
    together = ConditionBatch(SEARCHES)
    for context, (holds, errors) in zip(contexts, together.evaluate(contexts), strict=True):
        _, outcomes = decide(SEARCHES, context)
        assert errors == {}
        assert [outcome.result == "true" for outcome in outcomes] == [
            bool(holds >> place & 1) for place in range(len(SEARCHES))
        ]


@pytest.mark.parametrize("long", ["x" * 1900, "x" * 10])
def test_conditions_of_any_length_are_evaluated(long: str) -> None:
    rules = [(str(n), Condition(f'case.subject != "{long}{n}"')) for n in range(90)]
    assert ConditionBatch(rules).evaluate([complete({})]) == [(2**90 - 1, {})]


@given(st.lists(CONTEXTS, max_size=20))
def test_a_trial_on_its_own_decisions_changes_nothing_and_counts_each_once(
    contexts: list[Context],
) -> None:
    decisions: list[Recorded] = []
    for number, context in enumerate(contexts):
        found = verdict(COUNCIL, context)
        decisions.append(Recorded(str(number), "", found.rule, found.outcome, context))
    trial = Trial(COUNCIL, frozenset(), NOW)
    assert trial.add(decisions[:7]) + trial.add(decisions[7:]) == []
    result = trial.result()
    assert result["decisions"] == sum(line["after"] for line in result["load"]) == len(contexts)
    assert all(line["before"] == line["after"] for line in (*result["load"], *result["rules"]))


@given(st.lists(CONTEXTS, min_size=1, max_size=20))
def test_a_trial_changes_what_a_new_verdict_changes(contexts: list[Context]) -> None:
    draft = COUNCIL.model_copy(update={"rules": list(reversed(COUNCIL.rules))})
    trial = Trial(draft, frozenset(), NOW)
    decisions = [
        Recorded(str(n), "", found.rule, found.outcome, context)
        for n, context in enumerate(contexts)
        if (found := verdict(COUNCIL, context))
    ]
    changed = {item.decision_id: item for item in trial.add(decisions)}
    for decision in decisions:
        anew = verdict(draft, complete(decision.context))
        assert (decision.decision_id in changed) == (anew.outcome != decision.outcome)
        if item := changed.get(decision.decision_id):
            letters = "".join(outcome.result[0] for outcome in anew.trace)
            assert (item.rule, item.after, item.results) == (anew.rule, anew.outcome, letters)


@pytest.mark.parametrize(
    ("department", "has_words", "decided"),
    [("rates", True, True), ("rates", False, True), ("roads", True, True), ("roads", False, False)],
)
def test_a_decision_without_words_is_decided_only_by_rules_that_read_none(
    department: str, has_words: bool, decided: bool
) -> None:
    reads = {"when": '"leak" in interaction.topics && case.subject == "x"', "then": {"queue": "roads"}}
    labels = {"when": "true", "go_on": True, "then": {"labels": ["all"]}}
    rules = [
        labels,
        {"when": 'case.department == "rates"', "then": {"queue": "rates"}},
        reads,
        {"when": "true", "then": {"queue": "front-desk"}},
    ]
    document = yaml.safe_load(EXAMPLE.read_text())
    document["rules"] = [{"name": f"r{n}"} | rule for n, rule in enumerate(rules)]
    draft = read(yaml.safe_dump(document, sort_keys=False), checked=True)
    context = complete({"case.department": department})
    found = verdict(draft, context)
    trial = Trial(draft, frozenset(), NOW)
    assert trial.add([Recorded("d", "", found.rule, found.outcome, context, has_words=has_words)]) == []
    result = trial.result()
    assert (result["decisions"], result["without_words"]) == ((1, 0) if decided else (0, 1))
