"""What can be wrong with rules: unknown names, and conditions that can't be used."""

from collections.abc import Iterable, Mapping, Sequence

from antiphon.organisation.document import Document, Fault
from antiphon.organisation.overflow import NEVER
from antiphon.organisation.queue import Queue
from antiphon.organisation.rule import Rule
from antiphon.organisation.sla_policy import SlaPolicy
from routing.domain.configuration.section import unknown
from routing.domain.rules.conditions import Condition, RuleError
from routing.domain.rules.queue_state import unknown as unknown_names


def faults(
    document: Document,
    rules: Sequence[Rule],
    queues: Mapping[str, Queue],
    policies: Mapping[str, SlaPolicy],
    skills: Mapping[str, str],
    agents: Mapping[str, object],
    calendars: Mapping[str, object],
    *,
    checked: bool,
) -> Iterable[Fault]:
    """Yields missing rules, duplicate names, missing queues, unknown names and unusable conditions.

    `checked`: the rules were checked before they were stored, so the time that conditions take is not measured again.
    """
    if not rules:
        yield document.fault(("rules",), "there must be at least one rule")
    known = known_names(rules, queues, calendars)
    names: set[str] = set()
    for place, rule in enumerate(rules):
        if rule.name in names:
            yield document.fault(("rules", place, "name"), f"a second rule {rule.name!r}")
        names.add(rule.name)
        then = ("rules", place, "then")
        yield from unknown(document, (*then, "queue"), "queue", rule.then.queue, queues)
        yield from unknown(document, (*then, "sla_policy"), "SLA policy", rule.then.sla_policy, policies)
        yield from unknown(document, (*then, "prefer_agent"), "agent", rule.then.prefer_agent, agents)
        if rule.then.overflow != NEVER:
            yield from unknown(document, (*then, "overflow"), "queue", rule.then.overflow, queues)
        for skill in rule.then.skills:
            yield from unknown(document, (*then, "skills", skill), "skill", skill, skills)
        for skill in rule.then.prefer_skills:
            yield from unknown(document, (*then, "prefer_skills", skill), "skill", skill, skills)
        if rule.then.queue is None and not rule.go_on:
            yield document.fault((*then, "queue"), "must be set, except in a rule that goes on (go_on: true)")
        if rule.moves and rule.first_words_only:
            why = "a rule with first_words_only is not asked about later words, so it can't move waiting work: remove one of both"
            yield document.fault(("rules", place, "moves"), why)
        if rule.moves and rule.then.queue is None:
            yield document.fault(("rules", place, "moves"), "moves work nowhere: set then.queue or remove it")
        yield from _condition(document, place, rule, known, checked=checked)


def known_names(
    rules: Sequence[Rule], queues: Mapping[str, object], calendars: Mapping[str, object]
) -> Mapping[str, Mapping[str, object]]:
    """The queues, labels and calendars that conditions may name."""
    labels = dict.fromkeys(label for rule in rules for label in rule.then.labels)
    return {"queues": queues, "calendar": calendars, "labels": labels}


def _condition(
    document: Document, place: int, rule: Rule, known: Mapping[str, Mapping[str, object]], *, checked: bool
) -> Iterable[Fault]:
    try:
        condition = Condition(rule.when)
        if not checked:
            condition.measure()
        errors = list(unknown_names(condition.mentions, known))
        if rule.moves and condition.always:
            why = "the condition is true whatever the customer says, so each message would move the work: ask about something"
            yield document.fault(("rules", place, "moves"), why)
    except RuleError as error:
        errors = [error]
    for error in errors:
        at = document.fault(("rules", place, "when"), str(error))
        # On the first line of a condition, the column counts from where the condition begins in the file.
        column = at.column + error.column - 1 if error.line == 1 else error.column
        yield at._replace(line=at.line + error.line - 1, column=column)
