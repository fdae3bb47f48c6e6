"""One condition, tried on the facts of one case. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from routing.domain.rules.conditions import Condition, Context, complete, hold
from routing.domain.rules.queue_state import RuleError, default, unknown

_MOST_CHARACTERS = 2_000


class Tried(NamedTuple):
    """Whether a condition holds; None when it has an error. `values` are the facts that it names.

    `line` and `column` are the place of an error in the condition; None for one that only these facts cause.
    """

    result: bool | None
    values: Mapping[str, object]
    error: str | None = None
    line: int | None = None
    column: int | None = None


def try_condition(
    source: str, stored: Mapping[str, object], known: Mapping[str, Mapping[str, object]], *, has_words: bool
) -> Tried:
    """Asks a condition about the context of a decision, as a rule would be asked.

    `known` are the queues, labels and calendars that it may name. Without words of the customer, a condition that reads them has
    no result. Long texts in `values` are shortened.
    """
    try:
        condition = Condition(source)
        condition.measure()
        for error in unknown(condition.mentions, known):
            raise error
    except RuleError as error:
        return Tried(None, {}, str(error), error.line, error.column)
    context: Context = complete(stored)
    context |= {m.variable: stored.get(m.variable, default(m.what, m.part)) for m in condition.mentions}
    values = {name: _shown(context[name]) for name in sorted(condition.variables)}
    if condition.reads_words and not has_words:
        return Tried(None, values, "it reads the customer's words, which are no longer kept")
    holds, message = hold(condition, context)
    return Tried(None if message else holds, values, message)


def _shown(value: object) -> object:
    return value[:_MOST_CHARACTERS] if isinstance(value, str) else value
