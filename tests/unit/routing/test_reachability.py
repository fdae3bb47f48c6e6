"""Reachability: evaluating the rules on many contexts shows that complaints are right."""

import re
import sys
from functools import lru_cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from antiphon.organisation.document import Document
from deploy.site import EXAMPLE
from routing import check
from routing.domain.configuration.document import read
from routing.domain.rules import reachability
from routing.domain.rules.conditions import VARIABLES, Condition, Context, decide
from routing.domain.rules.reachability import CheckedRule, Kind, complaints

condition = lru_cache(maxsize=None)(Condition)


def asked(*conditions: str, goes_on: tuple[int, ...] = ()) -> list[CheckedRule]:
    return [
        CheckedRule(f"r{place}", condition(when), place in goes_on, place not in goes_on)
        for place, when in enumerate(conditions)
    ]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (['case.department == "rates"', "true"], []),
        (['case.department == "rates"', 'case.department == "rates"', "true"], [("never-matches", 1, "'r0' before it catches")]),
        (
            ['interaction.channel == "social"', 'interaction.channel == "social" && interaction.tone == "negative"', "true"],
            [("never-matches", 1, "'r0' before it catches")],
        ),
        (
            ["case.replies > 3", "case.replies <= 3 && case.replies > 1", "case.replies == 2 || case.replies > 7", "true"],
            [("never-matches", 2, "'r0' and 'r1' before it catch")],
        ),
        (['interaction.text.startsWith("re")', 'interaction.text.startsWith("refund")', "true"], [("never-matches", 1, "'r0'")]),
        (['interaction.text.contains("fun")', 'interaction.text == "a refund"', "true"], [("never-matches", 1, "'r0'")]),
        (['interaction.text.endsWith("?")', 'interaction.text == "why?"', "true"], [("never-matches", 1, "'r0'")]),
        (['"vip" in customer.labels', 'customer.labels.exists(l, l == "vip")', "true"], [("never-matches", 1, "'r0'")]),
        (['interaction.channel in ["a", "b"]', 'interaction.channel == "b"', "true"], [("never-matches", 1, "'r0'")]),
        (['interaction.text.matches("x+")', 'interaction.text.matches("x+") && case.replies == 0', "true"], [("never-matches", 1, "'r0'")]),
        (['case.department == "rates" && case.department == "roads"', "true"], [("contradiction", 0, "contradicts itself")]),
        (["case.replies > 3 && case.replies < 4", "true"], [("contradiction", 0, "contradicts itself")]),
        (["size(interaction.text) > 3 && interaction.text == 'abc'", "true"], [("contradiction", 0, "contradicts itself")]),
        (
            ['case.department == "rates" || case.department != "rates"', "case.replies == 0", "true"],
            [("always-true", 0, "the 2 rules after it"), ("never-matches", 1, "'r0'"), ("never-matches", 2, "'r0'")],
        ),
        (['case.department == "rates"'], [("no-rule-catches", None, "no case.department")]),
        (['case.department != ""'], [("no-rule-catches", None, "no rule catches an item with no case.department")]),
        (
            ['interaction.channel != "phone" || "vip" in customer.labels'],
            [("no-rule-catches", None, 'no rule catches an item with no customer.labels and interaction.channel "phone"')],
        ),
        (["false"], [("contradiction", 0, "contradicts"), ("no-rule-catches", None, "no rule catches any item")]),
        (['interaction.text != "a\\\\u{62}"'], [("no-rule-catches", None, 'interaction.text "a\\u{62}"')]),
        (['interaction.text != "naïve ☕"'], [("no-rule-catches", None, 'interaction.text "naïve ☕"')]),
    ],
)  # fmt: skip
def test_unreachable_rules_and_gaps_are_complaints(
    conditions: list[str], expected: list[tuple[str, int | None, str]]
) -> None:
    found = complaints(asked(*conditions))
    assert [(c.kind, c.place) for c in found] == [(kind, place) for kind, place, _ in expected]
    for complaint, (_, _, message) in zip(found, expected, strict=True):
        assert message in complaint.message


@pytest.mark.parametrize(
    "conditions",
    [
        # A rule with an error does not match: the first does not catch an item without topics.
        ['interaction.topics[0] == "a" || interaction.topics[0] != "a"', "true"],
        ["1 / case.replies == 1 || 1 / case.replies != 1", "true"],
        ["case.replies + 9223372036854775807 > 0", "case.replies == 1", "true"],
        # Expressions without a formula may be true, false or an error.
        ['interaction.text.matches("a")', 'interaction.text.matches("b")', "true"],
        ["customer.labels.all(l, l != 'a')", "!customer.labels.all(l, l != 'a')", "true"],
        ["customer.labels.exists(l, l.startsWith('a'))", "'ab' in customer.labels", "true"],
        ['interaction.text < "b"', 'interaction.text == "a"', "true"],
        ['"a" in customer.labels', '"a" in interaction.topics', "true"],
        ['interaction.text == "a\\\\u{62}"', 'interaction.text == "ab"', "true"],
        ['interaction.text == "\U0010fffd"', 'interaction.text == "x"', "true"],
    ],
)
def test_rules_that_can_match_have_no_complaint(conditions: list[str]) -> None:
    assert complaints(asked(*conditions)) == []


def test_a_rule_that_goes_on_catches_nothing_and_may_always_be_true() -> None:
    assert complaints(asked("true", "case.replies > 0", "case.replies > 1", "true", goes_on=(0, 1))) == []
    alone = complaints(asked("true", goes_on=(0,)))
    assert [complaint.kind for complaint in alone] == [Kind.NO_RULE_CATCHES]


def for_first_words(rules: list[CheckedRule], *places: int) -> list[CheckedRule]:
    return [rule._replace(first_words_only=place in places) for place, rule in enumerate(rules)]


def test_a_rule_for_first_words_only_catches_no_later_words() -> None:
    rules = asked('case.department == "rates"', 'case.department == "rates"', "true")
    assert [c.kind for c in complaints(for_first_words(rules, 1))] == [Kind.NEVER_MATCHES]
    assert [c.kind for c in complaints(for_first_words(rules, 0, 1))] == [Kind.NEVER_MATCHES]
    (found,) = complaints(for_first_words(rules, 0))
    assert (found.kind, found.place) == (Kind.LATER_WORDS_ONLY, 1)
    assert found.message == (
        "is evaluated for later words only: 'r0' before it catches all first words that it would match"
    )
    always = complaints(for_first_words(asked("true", "case.replies > 0"), 0))
    assert [(c.kind, c.place) for c in always] == [(Kind.LATER_WORDS_ONLY, 1)]


VALUES: dict[str, list[Any]] = {
    "interaction.channel": ["email", "social", "phone"],
    "interaction.text": ["", "a refund, please"],
    "case.department": ["", "rates", "roads"],
    "case.replies": [0, 1, 2],
    "customer.labels": [[], ["vip"], ["vip", "press"]],
    "interaction.topics": [[], ["refund", "press"]],
}
ABSENT: dict[type, Any] = {str: "", int: -1, bool: False, list: []}
CONTEXTS: list[Context] = [
    {name: ABSENT[kind] for name, kind in VARIABLES.items()} | dict(zip(VALUES, values, strict=True))
    for values in product(*VALUES.values())
]

texts = st.sampled_from(['"email"', '"social"', '"rates"', '"ra"', '"refund"', '""', '"vip"'])
text_names = st.sampled_from(["interaction.channel", "interaction.text", "case.department"])
list_names = st.sampled_from(["customer.labels", "interaction.topics"])
numbers = st.sampled_from(["-1", "0", "1", "2", "size(interaction.text)"])


def written(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: form.format(*given))


atoms = st.one_of(
    written("{} {} {}", text_names, st.sampled_from(["==", "!=", "<"]), st.one_of(texts, text_names)),
    written("{} in [{}, {}]", text_names, texts, texts),
    written(
        "{}.{}({})", text_names, st.sampled_from(["startsWith", "endsWith", "contains", "matches"]), texts
    ),
    written("case.replies {} {}", st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), numbers),
    written("{} in {}", st.sampled_from(['"vip"', '"press"']), list_names),
    written("{}.exists(x, x == {} || {} == x)", list_names, texts, texts),
    written("{}.{}(x, x != {})", list_names, st.sampled_from(["all", "exists"]), texts),
    written("{}[0] == {}", list_names, texts),
    written("2 / case.replies == {}", numbers),
    written("size({}) > {}", list_names, numbers),
    st.sampled_from(["true", "false"]),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        written("!({})", inner),
        written("({}) && ({})", inner, inner),
        written("({}) || ({})", inner, inner),
        written("(({}) ? ({}) : ({}))", inner, inner, inner),
        written("({}) == {}", inner, st.sampled_from(["true", "false"])),
    ),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(conditions, st.booleans()), min_size=1, max_size=4))
def test_no_context_contradicts_a_complaint(given: list[tuple[str, bool]]) -> None:
    rules = [
        CheckedRule(f"r{n}", condition(when), goes_on, not goes_on) for n, (when, goes_on) in enumerate(given)
    ]
    found = complaints(rules)
    outcomes = [
        [outcome.result == "true" for outcome in decide([r[:2] for r in rules], context)[1]]
        for context in CONTEXTS
    ]
    for complaint in found:
        event(complaint.kind)
    for kind, place, message, _ in found:
        if place is None:
            continue
        earlier = [n for n in range(place) if not rules[n].goes_on]
        if kind == Kind.CONTRADICTION:
            assert not any(held[place] for held in outcomes)
        elif kind == Kind.NEVER_MATCHES:
            named = [int(n) for n in re.findall(r"'r(\d+)'", message)]
            assert set(named) <= set(earlier)
            assert all(any(held[n] for n in named) for held in outcomes if held[place])
        elif kind == Kind.ALWAYS_TRUE:
            assert all(held[place] for held in outcomes)
    if not any(c.place is None for c in found):
        assert all(any(held[n] for n, rule in enumerate(rules) if not rule.goes_on) for held in outcomes)


def test_the_example_organisation_has_no_warning() -> None:
    source = EXAMPLE.read_text()
    assert reachability.warnings(Document(source), read(source).rules) == []


def test_a_warning_has_the_place_of_the_condition() -> None:
    source = EXAMPLE.read_text().replace('case.department == "planning"', 'case.department == "rates"')
    (warning,) = reachability.warnings(Document(source), read(source).rules)
    assert (warning.rule, warning.kind) == ("Planning", Kind.NEVER_MATCHES)
    assert source.split("\n")[warning.line - 1][warning.column - 1 :] == 'case.department == "rates"'
    assert "'Rates' before it" in warning.message


def test_a_hundred_rules_are_decided_within_the_limits() -> None:
    many = [
        f'case.department == "d{n % 7}" && interaction.channel == "c{n % 5}" && case.replies >= {n % 3}'
        f' && interaction.text.contains("word{n};")'
        for n in range(100)
    ]
    found = complaints(asked(*many, "true"))
    assert found == []


def test_a_question_beyond_the_limits_is_reported_as_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    places = "case.subject", "case.status", "customer.name", "interaction.text", "interaction.account"
    # Five different texts out of four: no solver decides this fast.
    hard = " && ".join(
        [f"{one} in ['a', 'b', 'c', 'd']" for one in places]
        + [f"{one} != {other}" for one, other in combinations(places, 2)]
    )
    assert [c.kind for c in complaints(asked(hard, "true"))] == [Kind.CONTRADICTION]
    monkeypatch.setattr(reachability, "STEPS", 100)
    assert complaints(asked(hard, "true"))[0][:3] == (
        Kind.NOT_DECIDED,
        0,
        "whether it can ever match was not decided",
    )
    monkeypatch.undo()
    monkeypatch.setattr(reachability, "ALL_STEPS", 200)
    (all_over,) = complaints(asked("case.replies > 1", "case.replies > 2", "true"))
    assert (all_over.kind, all_over.place) == (Kind.NOT_DECIDED, 1)
    assert "from this rule on nothing was decided" in all_over.message


def test_without_the_solver_one_complaint_says_that_nothing_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    (complaint,) = complaints(asked("false"))
    assert complaint[:3] == (Kind.NOT_CHECKED, None, "reachability was not checked: install routing[checks]")


def test_the_command_prints_faults_and_warnings_with_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.yaml"
    assert check.main([str(EXAMPLE)]) == 0
    assert capsys.readouterr().out == f"{EXAMPLE}: no faults\n"
    file.write_text(EXAMPLE.read_text().replace('when: "true"', 'when: "false"'))
    assert check.main([str(file)]) == 0
    assert re.search(
        r"odd.yaml:\d+:11: warning: 'Everything else': can never be true", capsys.readouterr().out
    )
    file.write_text(EXAMPLE.read_text().replace("queue: front-desk,", "queue: front-dask,"))
    assert check.main([str(file)]) == 1
    assert "did you mean 'front-desk'?" in capsys.readouterr().out
    assert check.main([str(tmp_path / "none.yaml")]) == 2
