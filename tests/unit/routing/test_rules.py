import time
from datetime import UTC, datetime

import pytest

from antiphon.contracts import generate
from antiphon.contracts.cases import CaseOpened
from antiphon.organisation.document import ConfigurationError
from deploy.site import EXAMPLE
from routing.domain.configuration.document import Configuration, read
from routing.domain.rules import conditions as rules_module
from routing.domain.rules.conditions import VARIABLES, Condition, Context, RuleError, context_of, decide

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def example() -> Context:
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    return context_of(event.case, [event.interaction], NOW)


def test_every_variable_has_a_value_of_its_type_even_when_it_is_absent() -> None:
    context = example()
    assert set(context) == set(VARIABLES)
    assert all(type(context[name]) is kind for name, kind in VARIABLES.items())


def test_the_first_rule_that_holds_decides_and_every_rule_has_a_result() -> None:
    rules = [("never", "false"), ("rates", 'case.department == "rates"'), ("all", "true")]
    place, trace = decide([(name, Condition(when)) for name, when in rules], example())
    assert place == 1
    assert [(outcome.rule, outcome.result) for outcome in trace] == [
        ("never", "false"),
        ("rates", "true"),
        ("all", "true"),
    ]


@pytest.mark.parametrize("when", ["1 / (case.replies - case.replies) == 1", "interaction.topics[7] == 'x'"])
def test_a_rule_with_an_error_does_not_match_and_has_its_message(when: str) -> None:
    place, trace = decide([("bad", Condition(when)), ("all", Condition("true"))], example())
    assert place == 1
    assert trace[0].result == "error"
    assert trace[0].error


def test_the_error_of_a_rule_quotes_no_words_of_the_customer() -> None:
    rule = Condition('{"a": 1}[interaction.text] == 1')
    context = example() | {"interaction.text": 'a "secret"\nof mine'}
    _, (outcome,) = decide([("quotes", rule)], context)
    assert outcome.error == "NOT_FOUND: Key not found in map"


@pytest.mark.parametrize(
    ("when", "message", "column"),
    [
        ("interaction.chanel == 'email'", "undeclared .* did you mean 'interaction.channel'", 12),
        ("case.interactions > 'three'", "no matching overload", 19),
        ("case.interactions", "true or false", 1),
        ("case.department ==", "Syntax error", 19),
        ("[1].all(a,[1].all(b,[1].all(c,[1].all(d,true))))", "loops", 1),
        ("true || " * 400 + "true", "longer than", 1),
    ],
)
def test_an_invalid_condition_is_rejected_with_its_column(when: str, message: str, column: int) -> None:
    with pytest.raises(RuleError, match=message) as refused:
        Condition(when)
    assert refused.value.column == column


def test_nested_loops_within_the_limit_are_rejected_when_they_exceed_the_budget() -> None:
    numbers = "[" + ",".join("1" for _ in range(200)) + "]"
    with pytest.raises(RuleError):
        Condition(f"{numbers}.all(a,{numbers}.all(b,{numbers}.all(c,a+b+c>0)))")


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("interaction.text.matches(interaction.text)", "a pattern must be written out"),
        ("interaction.text.matches('a' + interaction.text)", "a pattern must be written out"),
        ("matches(interaction.subject, interaction.text)", "a pattern must be written out"),
        ("[1].all(a, [1]. // x\n all(b, [1].\tall(c, [1] . all(d, true))))", "more than 3 loops"),
        (r"r'\' == '' && [1].all(a, [1].all(b, [1].all(c, [1].all(d, '' == r'\'))))", "more than 3 loops"),
        ("interaction.text.matches('(?:.?){999}b')", "too long on a text"),
        ("[1,2,3,4,5].exists(a, interaction.text.matches('(?:.?){999}b'))", "too long on a text"),
    ],
)
def test_a_condition_that_costs_too_much_is_rejected_before_it_decides(when: str, message: str) -> None:
    began = time.process_time()
    with pytest.raises(RuleError, match=message):
        Condition(when).measure()
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "when",
    [
        "interaction.text.matches('(?i)ref(erence)? [A-Z]{2}[0-9]{6}')",
        "interaction . text . matches ( r'\\d+' ) // a pattern (the customer's)",
        "interaction.text == 'a.all(b.all(c.all(d.all(e.matches(f'",
        "customer.labels.exists(label, label.matches('vip.*')) && interaction.text.contains('matches(')",
    ],
)
def test_usual_conditions_are_within_the_limits(when: str) -> None:
    Condition(when).measure()


def test_a_yaml_alias_is_rejected_before_it_is_expanded() -> None:
    laughs = "a0: &a0 {a: 1}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)
    )
    with pytest.raises(ConfigurationError, match="alias"):
        read(laughs + council())


def council() -> str:
    return EXAMPLE.read_text()


def test_the_example_organisation_can_be_loaded() -> None:
    found = read(council())
    assert isinstance(found, Configuration)
    assert {"rates", "roads", "planning", "social-care"} <= set(found.queues)
    assert len(found.people) == 13


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("then: { queue: rates,", "then: { queue: rats,", "unknown queue 'rats', did you mean 'rates'?"),
        ("sla_policy: social\n", "sla_policy: socal\n", "unknown SLA policy 'socal', did you mean 'social'?"),
        ("within: 4h", "within: four hours", "must be a duration"),
        ("within: 4h", "within: 99999999999999999999d", "longer than a duration can be"),
        ("within: 4h", "within: 300d", "must be over within 730 days by the calendar 'office'"),
        ("within: 15m", "within: 9999999d", "must be over within 730 days by the calendar 'always'"),
        ("offer_timeout: 20s", "offer_timeout: 0s", "greater than or equal to 1 second"),
        ("offer_timeout: 20s", "offer_timeout: 999999999d", "less than or equal to 1 day"),
        ("capacity: 2", "capacity: none", "valid integer"),
        (
            "time_zone: Australia/Sydney\n    hours",
            "time_zone: Australia/Sidney\n    hours",
            "unknown time zone",
        ),
        ('"08:30-12:30", "13:00-19:00"', '"12:30-12:30"', "ends as it begins"),
        ("offer_timeout: 20s", "offer_timout: 20s", "Extra inputs"),
        (
            "{ rates: 8, phone: 5 }",
            "{ rates: 8, phones: 5 }",
            "unknown skill 'phones', did you mean 'phone'?",
        ),
        ("{ rates: 8, phone: 5 }", "{ rates: 11, phone: 5 }", "less than or equal to 10"),
        ("name: Rates\n    when", "name: Roads\n    when", "a second rule 'Roads'"),
        (
            "name: Rates\n    when",
            "name: Rates\n    moves: true\n    first_words_only: true\n    when",
            "not asked about later words",
        ),
        ("name: Everything else\n", "name: Everything else\n    moves: true\n", "each message would move"),
        (
            "rules:\n",
            "rules:\n  - { name: L, when: case.replies > 1, go_on: true, then: { labels: [x] }, moves: true }\n",
            "moves work nowhere",
        ),
    ],
)
def test_a_fault_has_its_line(old: str, new: str, message: str) -> None:
    source = council()
    assert old in source
    spoilt = source.replace(old, new, 1)
    changed = next(
        n for n, (a, b) in enumerate(zip(source.split("\n"), spoilt.split("\n"), strict=True), 1) if a != b
    )
    with pytest.raises(ConfigurationError) as refused:
        read(spoilt, "council.yaml")
    faults = refused.value.faults
    assert any(message in fault.message for fault in faults), faults
    if "second rule" not in message:
        assert changed in {fault.line for fault in faults}
    assert str(refused.value).startswith("council.yaml:")


def test_all_faults_are_reported_together() -> None:
    spoilt = (
        council().replace("within: 15m", "within: soon").replace("offer_timeout: 20s", "offer_timeout: 20")
    )
    with pytest.raises(ConfigurationError) as refused:
        read(spoilt)
    assert len(refused.value.faults) == 2


def test_a_checked_configuration_is_not_rejected_in_a_slow_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = EXAMPLE.read_text()
    monkeypatch.setattr(rules_module, "_LONG_SAMPLES", [(0, {})])
    monkeypatch.setattr(rules_module, "MOST_SECONDS", -1)
    with pytest.raises(ConfigurationError, match="too long on a text"):
        read(source)
    assert read(source, checked=True).conditions
