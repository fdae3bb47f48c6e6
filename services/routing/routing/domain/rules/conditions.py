"""Conditions of rules, in CEL over a typed context: compiled once and checked when they are loaded.

Source of the language: the Common Expression Language specification; evaluated by Google's cel-cpp.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from antiphon.contracts.cases import CaseFacts, InteractionFacts
from antiphon.contracts.identified import Tone
from antiphon.organisation.document import did_you_mean
from routing.domain.rules.facts import FACTS
from routing.domain.rules.queue_state import (
    NOT_CODE,
    USAGE,
    Mention,
    RuleError,
    Written,
    is_queue_state,
    written,
)
from routing.domain.rules.syntax import names, tree
from routing.domain.time.business_calendar import WEEKDAYS

Context = dict[str, Any]

_KINDS: dict[type, Any] = {
    str: cel.Type.STRING,
    int: cel.Type.INT,
    bool: cel.Type.BOOL,
    list: cel.Type.List(cel.Type.STRING),
}

# The variables of conditions, besides those of `queue_state`.
VARIABLES: Mapping[str, type] = {name: fact.kind for name, fact in FACTS.items()}

_ABSENT: Mapping[type, Any] = {str: "", int: -1, bool: False, list: []}

UNANSWERED = "case.unanswered_text"
# What the customer wrote. Routing keeps these values of a decision for a limited time; the others are facts.
WORDS = frozenset({"interaction.subject", "interaction.text", "case.subject", UNANSWERED})
# The most characters kept, from the newest end: as many as the longest text of one interaction has.
MOST_UNANSWERED = 200_000
WORST_FIRST = (Tone.NEGATIVE, Tone.NEUTRAL, Tone.POSITIVE)

# Conditions that people write stay far below; nested loops over lists can reach them.
MAX_LENGTH = 2000
MAX_MACROS = 3
# The CPU seconds that a condition may take on the longest text that a customer can write.
MOST_SECONDS = 0.5
LONGEST_TEXT = 100_000
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|existsOne|filter|map)\s*\(")
_NOT_CODE = re.compile(NOT_CODE, re.VERBOSE)
_PATTERN = re.compile(r"\bmatches\s*\(")
_PATTERN_WRITTEN = re.compile(r"\.\s*matches\s*\(\s*''\s*\)")
_UNKNOWN = re.compile(r"undeclared reference to '([\w.]+)'")
# A search for a pattern in a variable; before it is matched, strings become numbers between section signs.
_SEARCH = re.compile(r"(?<![\w.)\]])(\w+\.\w+)\s*\.\s*matches\s*\(\s*§(\d+)§\s*\)")
# The only error of CEL that quotes a value.
_QUOTING = re.compile(r"(Key not found in map).*", re.DOTALL)
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")


class RuleResult(StrEnum):
    """The result of a rule's condition; `not-asked`: the rule is for first words only and these were later, or they are gone."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"
    NOT_ASKED = "not-asked"


class Outcome(NamedTuple):
    """The result of a rule's condition, with the message of an error."""

    rule: str
    result: RuleResult
    error: str | None = None


@lru_cache(maxsize=100)
def _environment(more: frozenset[tuple[str, type]]) -> Any:
    kinds = {**VARIABLES, **dict(more)}
    return cel.NewEnv(variables={name: _KINDS[kind] for name, kind in kinds.items()})


_ENVIRONMENT = _environment(frozenset())


class Condition:
    """A compiled condition. Raises RuleError for wrong syntax or types, unknown names, and conditions that cost too much.

    `code` is the compiled text, `mentions` are its uses of the variables of `queue_state`.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source) > MAX_LENGTH:
            raise RuleError(f"is longer than {MAX_LENGTH} characters")
        code = _NOT_CODE.sub(lambda found: " " if found[0].startswith("//") else "''", source)
        if len(_MACRO.findall(code)) > MAX_MACROS:
            raise RuleError(f"has more than {MAX_MACROS} loops (all, exists, filter, map)")
        if len(_PATTERN.findall(code)) > len(_PATTERN_WRITTEN.findall(code)):
            # A pattern taken from a customer's text could cost any amount of time.
            raise RuleError("a pattern must be written out: text.matches('…')")
        text = written(source)
        self.code, self.mentions = text.code, text.mentions
        try:
            self._expression = _environment(_kinds(self.mentions)).compile(self.code)
        except RuntimeError as error:
            raise _located(str(error), text) from error
        if self._expression.return_type() != cel.Type.BOOL:
            raise RuleError("must be true or false, and has another type")
        self._probe()

    @cached_property
    def always(self) -> bool:
        """Whether it holds for every context: it holds without any variable."""
        return self.holds(_ENVIRONMENT.Activation({}))[0]

    @cached_property
    def variables(self) -> frozenset[str]:
        """The variables that it names, as contexts name them."""
        plain = VARIABLES.keys() & set(names(tree(self.serialized())))
        return frozenset({*plain, *(mention.variable for mention in self.mentions)})

    @cached_property
    def reads_words(self) -> bool:
        """Whether it depends on the customer's words, which routing keeps for a limited time."""
        return not WORDS.isdisjoint(self.variables)

    def _probe(self) -> None:
        # Loops that exceed the budget do so on any context, so that the sample shows it before a customer does.
        _, error = self.holds(self._seeing(_SAMPLE))
        if error and "budget" in error.lower():
            raise RuleError(f"needs too many steps, use fewer or shorter loops: {error}")

    def _seeing(self, sample: Context) -> Any:
        return _ENVIRONMENT.Activation(sample | {m.identifier: m.kind(True) for m in self.mentions})

    def measure(self) -> None:
        """Raises RuleError when it takes too long on a long text.

        Called once, before the condition is stored: near the limit, measured times differ from run to run.
        """
        for length, sample in _LONG_SAMPLES:
            activation = self._seeing(sample)
            began = time.thread_time()
            self.holds(activation)
            # A shorter text may take its part of the time, but not less than a clock can measure.
            if time.thread_time() - began > max(MOST_SECONDS * length / LONGEST_TEXT, MOST_SECONDS / 10):
                raise RuleError(f"takes too long on a text of {length} characters")

    def serialized(self) -> bytes:
        """The compiled expression: a serialized `google.protobuf.Any` of `cel.expr.CheckedExpr`."""
        return self._expression.serialize()

    def holds(self, activation: Any) -> tuple[bool, str | None]:
        """Whether it holds, and the message of an error. A condition with an error does not hold."""
        try:
            value = self._expression.eval(activation)
        except (
            RuntimeError
        ) as error:  # CEL raises only for the budget; it returns every other error as a value
            return False, _without_values(str(error))
        if value.type() == cel.Type.ERROR:
            return False, _without_values(str(value.plain_value()))
        return value.plain_value() is True, None


def _without_values(error: str) -> str:
    """An error of CEL without the value that it quotes: it may be words of a customer, and errors are kept for long."""
    return _QUOTING.sub(r"\1", error)


def _kinds(mentions: Iterable[Mention]) -> frozenset[tuple[str, type]]:
    return frozenset((mention.identifier, mention.kind) for mention in mentions)


def _located(message: str, text: Written) -> RuleError:
    place = _PLACE.search(message)
    if place is None:
        return RuleError(message.strip().splitlines()[0] if message.strip() else "can't be read")
    reason = place[3].strip()
    unknown = _UNKNOWN.match(reason)
    if unknown and unknown[1] in USAGE:
        reason = f"ask for one by its name: {USAGE[unknown[1]]}"
    elif unknown:
        reason = f"undeclared reference to {unknown[1]!r}{did_you_mean(unknown[1], VARIABLES)}"
    return RuleError(reason, int(place[1]), text.column(int(place[1]), int(place[2])))


def decide(conditions: Sequence[tuple[str, Condition]], context: Context) -> tuple[int | None, list[Outcome]]:
    """Returns the place of the first rule that holds (None: none does), and the result of every rule.

    A rule whose condition has an error does not match.
    """
    asked = {m.identifier: m for _, condition in conditions for m in condition.mentions}
    activation = _activation(asked, context)
    outcomes: list[Outcome] = []
    first: int | None = None
    for place, (name, condition) in enumerate(conditions):
        true, error = condition.holds(activation)
        result = RuleResult.ERROR if error else RuleResult.TRUE if true else RuleResult.FALSE
        outcomes.append(Outcome(name, result, error))
        if true and first is None:
            first = place
    return first, outcomes


def hold(condition: Condition, context: Context) -> tuple[bool, str | None]:
    """Whether a condition holds on a context, and the message of an error."""
    return condition.holds(_activation({m.identifier: m for m in condition.mentions}, context))


def _activation(asked: Mapping[str, Mention], context: Context) -> Any:
    """Returns a context as conditions read it; a variable of `queue_state` that it lacks has its default."""
    if asked:
        states = {name: context.get(mention.variable, mention.default) for name, mention in asked.items()}
        return _ENVIRONMENT.Activation(context | states)
    return _ENVIRONMENT.Activation(context)


def context_of(case: CaseFacts, unanswered: Sequence[InteractionFacts], now: datetime) -> Context:
    """Returns the variables of a case and its unanswered interactions, oldest first and at least one.

    The variables of `interaction` are those of the newest, with the topics of all and the worst tone. `now` is in the
    organisation's time zone.
    """
    interaction, since = unanswered[-1], case.awaiting_answer_since
    tones = {one.tone for one in unanswered}
    values: Mapping[str, Any] = {
        "interaction.channel": interaction.channel,
        "interaction.network": interaction.network,
        "interaction.visibility": interaction.visibility,
        "interaction.account": interaction.account,
        "interaction.subject": interaction.subject,
        "interaction.text": interaction.text,
        "interaction.language": interaction.language,
        "interaction.topics": list(
            dict.fromkeys(topic for one in reversed(unanswered) for topic in one.topics)
        ),
        "interaction.department": interaction.department,
        "interaction.tone": next((tone.value for tone in WORST_FIRST if tone in tones), interaction.tone),
        "interaction.followers": interaction.followers,
        "interaction.attachments": interaction.attachments,
        "customer.name": case.customer.name,
        "customer.labels": case.customer.labels,
        "customer.interactions": case.customer.interactions,
        "case.department": case.department,
        "case.status": case.status,
        "case.subject": case.subject,
        "case.interactions": case.interactions,
        "case.replies": case.replies,
        "case.reopened": case.reopened,
        "case.waited_minutes": int((now - since).total_seconds() // 60) if since else 0,
    }
    if len(unanswered) > 1:
        texts = "\n\n".join(filter(None, map(_text_of, unanswered)))
        values = {**values, UNANSWERED: texts[-MOST_UNANSWERED:]}
    return complete({**values, **time_variables(now)})


def _text_of(interaction: InteractionFacts) -> str:
    return "\n".join(filter(None, (interaction.subject, interaction.text)))


def time_variables(now: datetime) -> Context:
    """Returns the variables of `now`, a time in the organisation's time zone."""
    return {
        "now.date": now.date().isoformat(),
        "now.weekday": WEEKDAYS[now.weekday()],
        "now.hour": now.hour,
        "now.minute": now.minute,
    }


def complete(values: Mapping[str, Any]) -> Context:
    """Returns a context with every variable of conditions: absent ones get their absent value, unknown ones are dropped.

    The variables of `queue_state` stay as they are. Without `case.unanswered_text`, it is the text of the interaction.
    """
    context: Context = {name: value for name, value in values.items() if is_queue_state(name)}
    for name, kind in VARIABLES.items():
        context[name] = _ABSENT[kind] if values.get(name) is None else values[name]
    if values.get(UNANSWERED) is None:
        alone = context["interaction.subject"], context["interaction.text"]
        context[UNANSWERED] = "\n".join(filter(None, alone))[-MOST_UNANSWERED:]
    return context


def stored_context(context: Context) -> Context:
    """Returns the context to store with a decision: without values that `complete` can add again."""
    alone = {name: value for name, value in context.items() if name != UNANSWERED}
    return alone if complete(alone) == context else context


class ConditionBatch:
    """Conditions that are evaluated together on many contexts, much cheaper than each alone and with the results of `decide`.

    Conditions without patterns are combined, a few dozen to an expression; when one has an error on a context, each of them
    is evaluated alone. CEL compiles a pattern at each evaluation, so each pattern is first searched in all texts at once:
    where none matches, it is replaced by false.
    """

    # The result of an expression is a number of 64 bits with one bit for each condition; CEL limits its length.
    _MOST = 60
    _LONGEST = 20_000

    def __init__(self, conditions: Sequence[tuple[str, Condition]]) -> None:
        self._conditions = [condition for _, condition in conditions]
        self._asked = {m.identifier: m for condition in self._conditions for m in condition.mentions}
        self._environment = _environment(_kinds(self._asked.values()))
        self._searching: dict[int, _Search] = {}
        plain: list[int] = []
        for place, condition in enumerate(self._conditions):
            search = _search_of(condition.code, self._environment)
            if search is None:
                plain.append(place)
            else:
                self._searching[place] = search
        self._parts: list[tuple[list[int], Any]] = []
        while plain:
            size, length = 0, 0
            while size < min(len(plain), self._MOST) and length < self._LONGEST:
                length += len(self._conditions[plain[size]].code)
                size += 1
            self._parts.append((plain[:size], self._compiled(plain[:size])))
            plain = plain[size:]

    def _compiled(self, places: Sequence[int]) -> Any:
        sources = (self._conditions[place].code for place in places)
        bits = [f"({source}\n? {1 << n} : 0)" for n, source in enumerate(sources)]
        while len(bits) > 1:  # in pairs, because CEL limits how deep an expression is nested
            bits = [f"({'+'.join(bits[n : n + 2])})" for n in range(0, len(bits), 2)]
        try:
            return self._environment.compile(bits[0])
        except RuntimeError:
            return None  # too long together: each is evaluated alone

    def evaluate(self, contexts: Sequence[Context]) -> list[tuple[int, dict[int, str]]]:
        """Returns for each context which conditions hold, one bit each from the lowest, and the errors by place."""
        patterns = {pattern for search in self._searching.values() for pattern in search.patterns}
        matching = {pattern for pattern in patterns if pattern.found(contexts)}
        unmatched = {
            place: search.rest
            for place, search in self._searching.items()
            if matching.isdisjoint(search.patterns)
        }
        return [self._evaluate(_activation(self._asked, context), unmatched) for context in contexts]

    def _evaluate(self, activation: Any, unmatched: Mapping[int, Any]) -> tuple[int, dict[int, str]]:
        holds, errors = 0, dict[int, str]()
        alone: list[int] = []
        for places, expression in self._parts:
            value = None if expression is None else _plain(expression, activation)
            if value is None:
                alone += places
            elif places[-1] - places[0] == len(places) - 1:
                holds |= value << places[0]
            else:
                for n, place in enumerate(places):
                    holds |= (value >> n & 1) << place
        for place in self._searching:
            value = _plain(unmatched[place], activation) if place in unmatched else None
            if value is None:
                alone.append(place)
            else:
                holds |= value << place
        for place in alone:
            true, error = self._conditions[place].holds(activation)
            holds |= true << place
            if error:
                errors[place] = error
        return holds, errors


class _Pattern(NamedTuple):
    """A pattern that a condition searches in a variable, as a CEL literal."""

    variable: str
    literal: str

    def found(self, contexts: Sequence[Context]) -> bool:
        """Whether it matches any of the texts, or may: a match in one of them is also a match in all of them joined."""
        texts = "\n".join(context[self.variable] for context in contexts)
        expression = _compiled_search(self)
        return _plain(expression, _ENVIRONMENT.Activation({self.variable: texts})) is not False


class _Search(NamedTuple):
    """A condition with patterns: `rest` is the compiled condition with each pattern replaced by false."""

    rest: Any
    patterns: frozenset[_Pattern]


@lru_cache(maxsize=1000)
def _compiled_search(pattern: _Pattern) -> Any:
    return _ENVIRONMENT.compile(f"{pattern.variable}.matches({pattern.literal})")


def _search_of(source: str, environment: Any) -> _Search | None:
    """Returns the patterns of a condition and the rest of it; None when it has none that can be searched in joined texts."""
    literals: list[str] = []
    patterns: set[_Pattern] = set()

    def hide(found: re.Match[str]) -> str:
        if found[0].startswith("//"):
            return " "
        literals.append(found[0])
        return f"§{len(literals) - 1}§"

    def replace_search(found: re.Match[str]) -> str:
        pattern = _Pattern(found[1], literals[int(found[2])])
        if VARIABLES.get(pattern.variable) is not str or _anchored(pattern.literal):
            return found[0]
        patterns.add(pattern)
        return " false "

    code = _SEARCH.sub(replace_search, _NOT_CODE.sub(hide, source))
    if not patterns:
        return None
    rest = re.sub(r"§(\d+)§", lambda found: literals[int(found[1])], code)
    try:
        return _Search(environment.compile(rest), frozenset(patterns))
    except RuntimeError:
        return None


def _anchored(literal: str) -> bool:
    """Whether a pattern depends on the beginning or the end of the text, which joined texts move."""
    pattern = _plain(_ENVIRONMENT.compile(literal), _ENVIRONMENT.Activation({}))
    return not isinstance(pattern, str) or any(sign in pattern for sign in ("^", "$", r"\A", r"\z"))


def _plain(expression: Any, activation: Any) -> Any:
    """Returns the value of an expression; None when it has an error."""
    try:
        value = expression.eval(activation)
    except RuntimeError:
        return None
    return None if value.type() == cel.Type.ERROR else value.plain_value()


_SAMPLE: Context = {
    name: {str: "sample", int: 1, bool: True, list: ["a", "b", "c"]}[kind] for name, kind in VARIABLES.items()
}
# In growing length, so that a slow condition is rejected after the shortest text that shows it.
_LONG_SAMPLES = [
    (length, _SAMPLE | {n: "a" * length + "!" for n, k in VARIABLES.items() if k is str})
    for length in (LONGEST_TEXT // 100, LONGEST_TEXT // 10, LONGEST_TEXT)
]
