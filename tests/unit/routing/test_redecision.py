"""Later interactions on open work: the pure decision, as a table of cases and as laws."""

from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from antiphon.contracts import generate
from antiphon.contracts.cases import CaseInteractionAdded, InteractionFacts
from antiphon.organisation.step import Step
from deploy.site import EXAMPLE
from routing.domain.configuration.document import Configuration, read
from routing.domain.decisions.redecision import Redecided, WorkBefore, outcome, redecide
from routing.domain.decisions.verdict import Moves, Verdict, verdict, without_words
from routing.domain.rules.conditions import UNANSWERED, Condition, complete, context_of, stored_context

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LEAK = "Come at once, there is a gas leak!"


def council(*rules: dict[str, Any]) -> Configuration:
    if not rules:
        return read(EXAMPLE.read_text(), checked=True)
    document = yaml.safe_load(EXAMPLE.read_text())
    named = [{"name": f"r{n}"} | rule for n, rule in enumerate(rules)]
    return read(yaml.safe_dump(document | {"rules": named}, sort_keys=False), checked=True)


def interactions(*texts: str, **changed: Any) -> list[InteractionFacts]:
    event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
    facts = event.interaction.model_copy(update={"subject": None, "topics": [], "tone": "neutral", **changed})
    return [facts.model_copy(update={"text": text}) for text in texts]


def found(*texts: str, configuration: Configuration | None = None) -> Verdict:
    event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
    case = event.case.model_copy(update={"department": None})
    return verdict(configuration or council(), context_of(case, interactions(*texts), NOW))


def at(queue: str = "front-desk", priority: int = 30, **more: Any) -> WorkBefore:
    decided = more.get("decided", min(priority, 30))
    return WorkBefore(
        queue, priority, more.get("skills", {}), more.get("prefer", {}), more.get("labels", []), decided,
        more.get("decided_queue", queue), deferred_queue=more.get("deferred_queue"),
    )  # fmt: skip


def test_danger_in_any_unanswered_message_moves_work_in_whatever_order_they_came() -> None:
    for words in (("When do you open?", LEAK), (LEAK, "And when do you open?")):
        assert redecide(at(), found(*words)) == Redecided(True, 95, {}, {}, [])


def test_accepted_work_stays_and_gets_the_higher_priority() -> None:
    assert redecide(at(), found(LEAK), may_move=False) == Redecided(False, 95, {}, {}, [], True)


def test_a_priority_that_rules_gave_before_does_not_undo_what_a_person_set_since() -> None:
    assert redecide(at("front-desk", 20, decided=95), found(LEAK)) is None
    assert redecide(at("front-desk", 20, decided=94), found(LEAK)) == Redecided(True, 95, {}, {}, [])


def test_an_equal_or_lower_priority_moves_nothing() -> None:
    assert redecide(at("roads", 95), found(LEAK)) is None
    assert redecide(at("roads", 96, labels=["x"]), found(LEAK)) is None


MOVES = council(
    {"when": 'case.unanswered_text.contains("permit")', "moves": True, "then": {"queue": "planning", "priority": 20}},
    {"when": "true", "then": {"queue": "front-desk", "priority": 30}},
)  # fmt: skip


def test_a_rule_that_moves_does_so_at_a_lower_priority_which_lowers_none() -> None:
    permit = found("When do you open?", "I need a permit", configuration=MOVES)
    assert permit.moves is Moves.TO_ANY
    assert redecide(at(), permit) == Redecided(True, 30, {}, {}, [])
    assert redecide(at(priority=20, decided=20), permit) == Redecided(True, 20, {}, {}, [])
    assert redecide(at(priority=5, decided=5), permit) == Redecided(True, 20, {}, {}, [])
    assert redecide(at(), permit, may_move=False) == Redecided(False, 30, {}, {}, [], True)
    assert redecide(at("planning"), permit) is None


def test_a_rule_that_moves_takes_no_work_back_from_where_a_person_put_it() -> None:
    permit = found("I need a permit", configuration=MOVES)
    assert redecide(at("rates", decided_queue="planning"), permit) is None
    assert redecide(at("rates", decided_queue="planning"), permit, may_move=False) is None


def test_words_that_ask_for_the_queue_where_work_is_end_a_move_that_waits() -> None:
    asks = council({"when": "interaction.text.size() > 0", "then": {"queue": "roads", "priority": 20}})
    more = found("more", configuration=asks)
    waits = at("roads", decided_queue="hazards", deferred_queue="hazards")
    after = Redecided(False, 30, {}, {}, [], ends_deferral=True)
    assert redecide(waits, more) == redecide(waits, more, may_move=False) == after
    assert redecide(waits._replace(deferred_queue=None), more) is None
    assert redecide(waits._replace(queue="planning"), more) is None
    always = found("more", configuration=council({"when": "true", "then": {"queue": "roads"}}))
    assert redecide(waits, always) is None


def test_a_rule_for_first_words_only_is_asked_when_work_is_made_and_not_later() -> None:
    first = council(
        {"when": "interaction.text.size() > 0", "first_words_only": True, "then": {"queue": "roads", "priority": 90}},
        {"when": "interaction.text.size() > 1", "then": {"queue": "planning", "priority": 60}},
    )  # fmt: skip
    context = complete({"interaction.text": "more words"})
    assert verdict(first, context).rule == "r0"
    later = verdict(first, context, later=True)
    assert [outcome.result for outcome in later.trace] == ["not-asked", "true"]
    assert (later.rule, redecide(at(), later)) == ("r1", Redecided(True, 60, {}, {}, []))


def test_a_rule_that_always_holds_neither_moves_work_nor_raises_its_priority() -> None:
    for when in ("true", "1 == 1", 'true || interaction.text == ""'):
        always = council({"when": when, "then": {"queue": "hazards", "priority": 95, "labels": ["all"]}})
        assert redecide(at(), found("anything", configuration=always)) is None
        assert Condition(when).always
    assert not Condition('interaction.text != "no such text"').always


def test_work_that_no_rule_matches_does_not_change() -> None:
    never = council({"when": 'interaction.text == "?"', "then": {"queue": "hazards", "priority": 95}})
    assert redecide(at(priority=10), found("anything", configuration=never)) is None
    assert redecide(at(priority=10), without_words(never)) is None


def test_a_rule_that_goes_on_raises_the_priority_where_a_default_rule_decides() -> None:
    lawyer = council(
        {"when": 'interaction.text.contains("lawyer")', "go_on": True, "then": {"priority": 70, "labels": ["legal"]}},
        {"when": "true", "then": {"queue": "front-desk"}},
    )  # fmt: skip
    assert redecide(
        at("planning", 40, labels=["permit"]), found("my lawyer", configuration=lawyer)
    ) == Redecided(False, 70, {}, {}, ["permit", "legal"])
    assert redecide(at("planning", 40), found("my sister", configuration=lawyer)) is None


def test_skills_only_rise_in_the_same_queue_and_steps_that_were_due_still_count() -> None:
    rule = {"queue": "planning", "priority": 40, "skills": {"planning": 5, "phone": 2}}
    asks = council({"when": "interaction.text.size() > 0", "then": rule})
    step = Step.model_validate({"after": "1m", "lower": {"planning": 2}})
    work = at("planning", 60, skills={"planning": 2, "rates": 1})
    assert redecide(work, found("more", configuration=asks), [step]) == Redecided(
        False, 60, {"planning": 2, "rates": 1, "phone": 2}, {}, []
    )
    assert redecide(work, found("more", configuration=asks)) == Redecided(
        False, 60, {"planning": 5, "rates": 1, "phone": 2}, {}, []
    )
    elsewhere = at("roads", 60, skills={"roads": 2})
    assert redecide(elsewhere, found("more", configuration=asks)) is None


ASKS = found("x", configuration=council({"when": "interaction.text.size() > 0", "then": {"queue": "roads"}}))
VALUES = st.fixed_dictionaries({"planning": st.integers(1, 10)}, optional={"rates": st.integers(1, 10)})


@given(
    st.sampled_from(["planning", "roads", "front-desk"]), st.integers(0, 100), VALUES,
    st.lists(st.sampled_from("abc"), unique=True), st.sampled_from(["planning", "roads", "hazards"]), st.integers(0, 100),
    VALUES, st.lists(st.sampled_from("abcd"), unique=True), st.booleans(), st.integers(0, 100),
)  # fmt: skip
def test_nothing_is_ever_lowered_and_work_moves_only_to_a_higher_priority(
    queue: str, priority: int, skills: dict[str, int], labels: list[str], to: str, given_priority: int,
    asked: dict[str, int], more: list[str], may_move: bool, decided: int,
) -> None:  # fmt: skip
    later = ASKS._replace(queue=to, priority=given_priority, skills=asked, labels=more)
    work = at(queue, priority, skills=skills, labels=labels, decided=decided)
    after = redecide(work, later, may_move=may_move)
    if after is None:
        assert given_priority <= max(priority, decided)
        assert set(more) <= set(labels)
        return
    is_higher = given_priority > decided
    assert after.priority == (max(priority, given_priority) if is_higher else priority)
    assert after.labels[: len(labels)] == labels
    assert set(after.labels) == {*labels, *more}
    leaves = to != queue and is_higher and given_priority > priority
    assert (after.moves, after.is_deferred) == (may_move and leaves, leaves and not may_move)
    if not after.moves:
        assert all(after.skills[skill] >= level for skill, level in skills.items())
        decided_since = max(decided, given_priority)
        again = at(queue, after.priority, skills=after.skills, labels=after.labels, decided=decided_since)
        assert redecide(again, later, may_move=may_move) is None


@given(
    st.sampled_from([*Moves]), st.sampled_from(["planning", "roads", "front-desk"]), st.integers(0, 100),
    st.sampled_from(["planning", "roads", "hazards", None]), st.integers(0, 100), st.sampled_from(["planning", "hazards"]),
    st.integers(0, 100), st.booleans(),
)  # fmt: skip
def test_by_any_rule_priority_never_falls_and_who_accepted_the_work_keeps_it(
    moves: Moves, queue: str, priority: int, decided_queue: str | None, decided: int, to: str, given_priority: int,
    accepted: bool,
) -> None:  # fmt: skip
    later = ASKS._replace(queue=to, priority=given_priority, skills={}, moves=moves)
    work = at(queue, priority, decided=decided, decided_queue=decided_queue)._replace(is_accepted=accepted)
    after = redecide(work, later, may_move=not work.is_accepted)
    ends = outcome(work, later, after)
    assert ends["priority"] == max(priority, given_priority if given_priority > decided else 0)
    assert ends["queue"] == (to if after is not None and after.moves else queue)
    if accepted:
        assert ends["queue"] == queue
    if moves is not Moves.TO_ANY and given_priority <= max(priority, decided):
        assert (ends["queue"], ends["deferred_to"]) == (queue, None)
    if after is not None and (after.moves or after.is_deferred):
        again = work._replace(
            queue=str(ends["queue"]), priority=after.priority, decided_queue=to, decided_priority=max(decided, given_priority)
        )  # fmt: skip
        assert redecide(again, later, may_move=not accepted) is None


def test_the_context_has_all_unanswered_text_topics_and_the_worst_tone() -> None:
    event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
    angry = interactions("I am furious", tone="negative", topics=["tree"], subject="Tree")
    calm = interactions("Thank you", tone="positive", topics=["payment", "tree"])
    context = context_of(event.case, [*angry, *calm], NOW)
    assert context[UNANSWERED] == "Tree\nI am furious\n\nThank you"
    assert (context["interaction.text"], context["interaction.tone"]) == ("Thank you", "negative")
    assert context["interaction.topics"] == ["payment", "tree"]
    assert stored_context(context) == context


def test_the_stored_context_leaves_out_text_that_equals_the_interactions() -> None:
    event = CaseInteractionAdded.model_validate(generate.example("case.interaction-added.v1")["data"])
    context = context_of(event.case, interactions(LEAK), NOW)
    assert context[UNANSWERED] == LEAK
    assert UNANSWERED not in stored_context(context)
    assert complete(stored_context(context)) == context
