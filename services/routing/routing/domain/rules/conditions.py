"""Conditions in CEL over a typed context: compiled once, checked when they are loaded, never true by accident.

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
from routing.domain.rules.queue_state import (
    HOW,
    NOT_CODE,
    Mention,
    RuleError,
    Written,
    is_queue_state,
    written,
)
from routing.domain.time.business_calendar import WEEKDAYS

Context = dict[str, Any]

_KINDS: dict[type, Any] = {
    str: cel.Type.STRING,
    int: cel.Type.INT,
    bool: cel.Type.BOOL,
    list: cel.Type.List(cel.Type.STRING),
}

# What a condition may ask about, beside how queues and calendars stand. Absent text is "", an absent number -1.
VARIABLES: dict[str, type] = {
    "interaction.channel": str,
    "interaction.network": str,
    "interaction.visibility": str,
    "interaction.account": str,
    "interaction.subject": str,
    "interaction.text": str,
    "interaction.language": str,
    "interaction.topics": list,
    "interaction.department": str,
    "interaction.tone": str,
    "interaction.followers": int,
    "interaction.attachments": int,
    "customer.name": str,
    "customer.labels": list,
    "customer.interactions": int,
    "case.department": str,
    "case.status": str,
    "case.subject": str,
    "case.interactions": int,
    "case.replies": int,
    "case.reopened": int,
    "case.waited_minutes": int,
    "case.unanswered_text": str,
    "now.date": str,
    "now.weekday": str,
    "now.hour": int,
    "now.minute": int,
}

_ABSENT: Mapping[type, Any] = {str: "", int: -1, bool: False, list: []}

UNANSWERED = "case.unanswered_text"
# Characters, the newest: as long as the longest text of one interaction.
MOST_UNANSWERED = 200_000
WORST_FIRST = (Tone.NEGATIVE, Tone.NEUTRAL, Tone.POSITIVE)

# No condition that people write comes near; a nest of macros over lists does.
MAX_LENGTH = 2000
MAX_MACROS = 3
# CPU seconds that a condition may take on the longest text that a customer can write.
MOST_SECONDS = 0.5
LONGEST_TEXT = 100_000
_MACRO = re.compile(r"\.\s*(all|exists|exists_one|existsOne|filter|map)\s*\(")
_NOT_CODE = re.compile(NOT_CODE, re.VERBOSE)
_PATTERN = re.compile(r"\bmatches\s*\(")
_PATTERN_WRITTEN = re.compile(r"\.\s*matches\s*\(\s*''\s*\)")
_UNKNOWN = re.compile(r"undeclared reference to '([\w.]+)'")
# A pattern that is looked for in a variable, once strings are numbers between section signs.
_SEARCH = re.compile(r"(?<![\w.)\]])(\w+\.\w+)\s*\.\s*matches\s*\(\s*§(\d+)§\s*\)")
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")


class RuleResult(StrEnum):
    """What a rule said."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"


class Outcome(NamedTuple):
    """What a rule said, and the reason of an error."""

    rule: str
    result: RuleResult
    error: str | None = None


@lru_cache(maxsize=100)
def _environment(more: frozenset[tuple[str, type]]) -> Any:
    kinds = {**VARIABLES, **dict(more)}
    return cel.NewEnv(variables={name: _KINDS[kind] for name, kind in kinds.items()})


_ENVIRONMENT = _environment(frozenset())


class Condition:
    """A compiled condition. Raises RuleError when it is not one: syntax, types, unknown names, too costly.

    `code` is what is compiled, `mentions` what it asks about how things stand.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source) > MAX_LENGTH:
            raise RuleError(f"is longer than {MAX_LENGTH} characters")
        code = _NOT_CODE.sub(lambda found: " " if found[0].startswith("//") else "''", source)
        if len(_MACRO.findall(code)) > MAX_MACROS:
            raise RuleError(f"has more than {MAX_MACROS} loops (all, exists, filter, map)")
        if len(_PATTERN.findall(code)) > len(_PATTERN_WRITTEN.findall(code)):
            # A pattern that customers write may cost what they like.
            raise RuleError("a pattern must be written out: text.matches('…')")
        text = written(source)
        self.code, self.mentions = text.code, text.mentions
        try:
            self._expression = _environment(_kinds(self.mentions)).compile(self.code)
        except RuntimeError as error:
            raise _located(str(error), text) from error
        if self._expression.return_type() != cel.Type.BOOL:
            raise RuleError("must be true or false")
        self._probe()

    @cached_property
    def always(self) -> bool:
        """Whether it holds whatever the facts are: it holds without any."""
        return self.holds(_ENVIRONMENT.Activation({}))[0]

    def _probe(self) -> None:
        # A loop bomb runs out of its budget on any context: better now than on the first customer.
        _, error = self.holds(self._seeing(_SAMPLE))
        if error and "budget" in error.lower():
            raise RuleError(f"needs too many steps: {error}")

    def _seeing(self, sample: Context) -> Any:
        return _ENVIRONMENT.Activation(sample | {m.identifier: m.kind(True) for m in self.mentions})

    def measure(self) -> None:
        """Raises RuleError when it takes too long on a long text.

        To be done before it is activate, and not again: a clock says now this and now that of a condition near the limit.
        """
        for length, sample in _LONG_SAMPLES:
            activation = self._seeing(sample)
            began = time.thread_time()
            self.holds(activation)
            # Of a shorter text a rollout, as far as a clock can tell.
            if time.thread_time() - began > max(MOST_SECONDS * length / LONGEST_TEXT, MOST_SECONDS / 10):
                raise RuleError(f"takes too long on a text of {length} characters")

    def serialized(self) -> bytes:
        """The compiled expression: a serialized `google.protobuf.Any` of `cel.expr.CheckedExpr`."""
        return self._expression.serialize()

    def holds(self, activation: Any) -> tuple[bool, str | None]:
        """Whether it holds, and the error if it could not be told. An error is never true."""
        try:
            value = self._expression.eval(activation)
        except RuntimeError as error:  # the budget is raised; every other error is returned as a value
            return False, str(error)
        if value.type() == cel.Type.ERROR:
            return False, str(value.plain_value())
        return value.plain_value() is True, None


def _kinds(mentions: Iterable[Mention]) -> frozenset[tuple[str, type]]:
    return frozenset((mention.identifier, mention.kind) for mention in mentions)


def _located(message: str, text: Written) -> RuleError:
    found = _PLACE.search(message)
    if found is None:
        return RuleError(message.strip().splitlines()[0] if message.strip() else "can't be read")
    told = found[3].strip()
    unknown = _UNKNOWN.match(told)
    if unknown and unknown[1] in HOW:
        told = f"ask for one by its name: {HOW[unknown[1]]}"
    elif unknown:
        told = f"undeclared reference to {unknown[1]!r}{did_you_mean(unknown[1], VARIABLES)}"
    return RuleError(told, int(found[1]), text.column(int(found[1]), int(found[2])))


def decide(conditions: Sequence[tuple[str, Condition]], context: Context) -> tuple[int | None, list[Outcome]]:
    """The place of the first rule that holds, and what every rule said. A rule that errs does not match."""
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


def _activation(asked: Mapping[str, Mention], context: Context) -> Any:
    """A context as conditions read it, with how stands what they ask about; what it does not say is as usual."""
    if asked:
        told = {name: context.get(mention.variable, mention.usual) for name, mention in asked.items()}
        return _ENVIRONMENT.Activation(context | told)
    return _ENVIRONMENT.Activation(context)


def context_of(case: CaseFacts, words: Sequence[InteractionFacts], now: datetime) -> Context:
    """What conditions may ask about, for one case and the words that await an answer, oldest first; there are some.

    The newest is `interaction`, with the topics of all and the worst tone. `now` is local to the organisation.
    """
    interaction, since = words[-1], case.awaiting_answer_since
    tones = {one.tone for one in words}
    values: Mapping[str, Any] = {
        "interaction.channel": interaction.channel,
        "interaction.network": interaction.network,
        "interaction.visibility": interaction.visibility,
        "interaction.account": interaction.account,
        "interaction.subject": interaction.subject,
        "interaction.text": interaction.text,
        "interaction.language": interaction.language,
        "interaction.topics": list(dict.fromkeys(topic for one in reversed(words) for topic in one.topics)),
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
    if len(words) > 1:
        values = {**values, UNANSWERED: "\n\n".join(filter(None, map(_said, words)))[-MOST_UNANSWERED:]}
    return complete({**values, **time_variables(now)})


def _said(interaction: InteractionFacts) -> str:
    return "\n".join(filter(None, (interaction.subject, interaction.text)))


def time_variables(now: datetime) -> Context:
    """What conditions may ask about a time, as clocks show it there."""
    return {
        "now.date": now.date().isoformat(),
        "now.weekday": WEEKDAYS[now.weekday()],
        "now.hour": now.hour,
        "now.minute": now.minute,
    }


def complete(values: Mapping[str, Any]) -> Context:
    """A context with every variable that conditions may ask about: what is absent has its absent value, what is unknown goes.

    How queues and calendars stand stays as it was told. What is unanswered is the interaction alone, if nothing else is said.
    """
    known: Context = {name: value for name, value in values.items() if is_queue_state(name)}
    for name, kind in VARIABLES.items():
        known[name] = _ABSENT[kind] if values.get(name) is None else values[name]
    if values.get(UNANSWERED) is None:
        alone = known["interaction.subject"], known["interaction.text"]
        known[UNANSWERED] = "\n".join(filter(None, alone))[-MOST_UNANSWERED:]
    return known


def stored_context(context: Context) -> Context:
    """What is kept of a context with its decision: what follows from the rest is left out, and `complete` adds it again."""
    alone = {name: value for name, value in context.items() if name != UNANSWERED}
    return alone if complete(alone) == context else context


class ConditionBatch:
    """Conditions evaluated together on many contexts, much cheaper than one by one and always with `decide`'s answer.

    Those without patterns are a few dozen in one expression; a context on which one errs is evaluated again one by one.
    A pattern is compiled at each evaluation, so first it is asked of all texts at once whether any matches: where none
    does, each is false.
    """

    # The expression's numbers have 64 bits; and it may not become longer than the language takes.
    _MOST = 60
    _LONGEST = 20_000

    def __init__(self, conditions: Sequence[tuple[str, Condition]]) -> None:
        self._conditions = [condition for _, condition in conditions]
        self._asked = {m.identifier: m for condition in self._conditions for m in condition.mentions}
        self._environment = _environment(_kinds(self._asked.values()))
        self._silent: dict[int, _Silent] = {}
        plain: list[int] = []
        for place, condition in enumerate(self._conditions):
            silent = _silenced(condition.code, self._environment)
            if silent is None:
                plain.append(place)
            else:
                self._silent[place] = silent
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
        while len(bits) > 1:  # halves, since what may be nested is little
            bits = [f"({'+'.join(bits[n : n + 2])})" for n in range(0, len(bits), 2)]
        try:
            return self._environment.compile(bits[0])
        except RuntimeError:
            return None  # too much at once: one by one

    def evaluate(self, contexts: Sequence[Context]) -> list[tuple[int, dict[int, str]]]:
        """For each context which rules hold, a bit each from the lowest, and what those said that erred, by their place."""
        asked = {pattern for silent in self._silent.values() for pattern in silent.patterns}
        heard = {pattern for pattern in asked if pattern.found(contexts)}
        quiet = {
            place: silent.rest for place, silent in self._silent.items() if heard.isdisjoint(silent.patterns)
        }
        return [self._evaluate(_activation(self._asked, context), quiet) for context in contexts]

    def _evaluate(self, activation: Any, quiet: Mapping[int, Any]) -> tuple[int, dict[int, str]]:
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
        for place in self._silent:
            value = _plain(quiet[place], activation) if place in quiet else None
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
    """A pattern, as it is written in CEL, that is looked for in a variable."""

    variable: str
    literal: str

    def found(self, contexts: Sequence[Context]) -> bool:
        """Whether it is in any of the texts, or may be: a match in one of them is one in all of them together."""
        texts = "\n".join(context[self.variable] for context in contexts)
        expression = _compiled_search(self)
        return _plain(expression, _ENVIRONMENT.Activation({self.variable: texts})) is not False


class _Silent(NamedTuple):
    """A condition whose patterns match nothing: what is left of it, compiled, and the patterns."""

    rest: Any
    patterns: frozenset[_Pattern]


@lru_cache(maxsize=1000)
def _compiled_search(pattern: _Pattern) -> Any:
    return _ENVIRONMENT.compile(f"{pattern.variable}.matches({pattern.literal})")


def _silenced(source: str, environment: Any) -> _Silent | None:
    """What is left of a condition where its patterns match nothing; None when it has none that can be asked of many texts."""
    literals: list[str] = []
    patterns: set[_Pattern] = set()

    def hide(found: re.Match[str]) -> str:
        if found[0].startswith("//"):
            return " "
        literals.append(found[0])
        return f"§{len(literals) - 1}§"

    def silence(found: re.Match[str]) -> str:
        pattern = _Pattern(found[1], literals[int(found[2])])
        if VARIABLES.get(pattern.variable) is not str or _anchored(pattern.literal):
            return found[0]
        patterns.add(pattern)
        return " false "

    code = _SEARCH.sub(silence, _NOT_CODE.sub(hide, source))
    if not patterns:
        return None
    rest = re.sub(r"§(\d+)§", lambda found: literals[int(found[1])], code)
    try:
        return _Silent(environment.compile(rest), frozenset(patterns))
    except RuntimeError:
        return None


def _anchored(literal: str) -> bool:
    """Whether a pattern asks for the beginning or the end of the text, which is elsewhere in many texts together."""
    pattern = _plain(_ENVIRONMENT.compile(literal), _ENVIRONMENT.Activation({}))
    return not isinstance(pattern, str) or any(sign in pattern for sign in ("^", "$", r"\A", r"\z"))


def _plain(expression: Any, activation: Any) -> Any:
    """The value, or None when there is none but an error."""
    try:
        value = expression.eval(activation)
    except RuntimeError:
        return None
    return None if value.type() == cel.Type.ERROR else value.plain_value()


_SAMPLE: Context = {
    name: {str: "sample", int: 1, bool: True, list: ["a", "b", "c"]}[kind] for name, kind in VARIABLES.items()
}
# Growing, so that a condition that takes ever longer is stopped at the first that shows it.
_LONG_SAMPLES = [
    (length, _SAMPLE | {n: "a" * length + "!" for n, k in VARIABLES.items() if k is str})
    for length in (LONGEST_TEXT // 100, LONGEST_TEXT // 10, LONGEST_TEXT)
]
