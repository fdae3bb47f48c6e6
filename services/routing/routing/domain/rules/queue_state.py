"""The variables of conditions that read the state of queues, labels and calendars.

`queues["social-care"].waiting` is one variable of one type, like `interaction.channel`. It is checked when the condition is
loaded, and a decision's context has its value under that name. CEL has no such names, so a condition is compiled with an
identifier in its place; errors give the column in the condition as it was written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from antiphon.organisation.document import did_you_mean
from routing.domain.rules.facts import STATE_FACTS

# The parts of each kind. A part that a context lacks is 0 or false, except that a queue is open.
PARTS: Mapping[str, Mapping[str, type]] = {
    what: {part: fact.kind for part, fact in facts.items()} for what, facts in STATE_FACTS.items()
}
USAGE: Mapping[str, str] = {
    "queues": 'queues["…"].waiting',
    "labels": 'labels["…"].surging',
    "calendar": 'calendar("…").open',
}
_NOUNS = {"queues": "queue", "labels": "label", "calendar": "calendar"}

# Comments, and strings in all their forms; raw strings have no escapes.
NOT_CODE = r"""//[^\n]*
    | (?:[rR][bB]?|[bB][rR])(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
    | [bB]?(?:\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    """
_ASKED = re.compile(
    rf"""(?<![\w.])(?P<what>queues|labels|calendar)[ \t]*(?P<opens>[\[(])[ \t]*
        (?:"(?P<double>[^"\\\n]*)"|'(?P<single>[^'\\\n]*)')
        [ \t]*[\])][ \t]*\.[ \t]*(?P<part>\w+)
    | {NOT_CODE}""",
    re.VERBOSE,
)


class RuleError(Exception):
    """A condition that can't be used; `line` and `column` count from 1 inside the condition."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Mention(NamedTuple):
    """A use of one of these variables in a condition, with its place."""

    what: str
    name: str
    part: str
    line: int
    column: int

    @property
    def variable(self) -> str:
        """Its name in a context."""
        return variable(self.what, self.name, self.part)

    @property
    def identifier(self) -> str:
        """Its name in the compiled condition; different variables have different identifiers."""
        plain = "".join(
            sign if sign.isascii() and sign.isalnum() else f"_{ord(sign):x}_" for sign in self.name
        )
        return f"{self.what}.n{plain}.{self.part}"

    @property
    def kind(self) -> type:
        """The type of its value."""
        return PARTS[self.what][self.part]

    @property
    def default(self) -> int | bool:
        """Its value when a context lacks it."""
        return default(self.what, self.part)


class Written(NamedTuple):
    """A condition with identifiers in place of these variables, their uses, and by how much columns moved, and where."""

    code: str
    mentions: Sequence[Mention]
    moved: Sequence[tuple[int, int, int]]

    def column(self, line: int, column: int) -> int:
        """Returns the column in the written condition of a place in the compiled one."""
        for at, begins, longer in reversed(self.moved):
            if at == line and column >= begins:
                column = max(column - longer, begins)
        return column


def variable(what: str, name: str, part: str) -> str:
    """Returns the name of a variable, as conditions and contexts write it."""
    return f'{what}("{name}").{part}' if what == "calendar" else f'{what}["{name}"].{part}'


def default(what: str, part: str) -> int | bool:
    """Returns the value of a variable when a context lacks it."""
    return True if (what, part) == ("queues", "open") else PARTS[what][part]()


def is_queue_state(name: str) -> bool:
    """Whether a name of a context is one of these variables."""
    return name.startswith(("queues[", "labels[", "calendar("))


def written(source: str) -> Written:
    """Finds these variables in a condition and puts identifiers in their place. Raises RuleError for an unknown part."""
    mentions: list[Mention] = []
    moved: list[tuple[int, int, int]] = []
    code, done = "", 0
    for found in _ASKED.finditer(source):
        if found["what"] is None or found["opens"] != ("(" if found["what"] == "calendar" else "["):
            continue
        line, column = _place(source, found.start())
        mention = _mention(found, line, column)
        mentions.append(mention)
        code += source[done : found.start()]
        moved.append((line, _place(code, len(code))[1], len(mention.identifier) - len(found[0])))
        code += mention.identifier
        done = found.end()
    return Written(code + source[done:], mentions, moved)


def _mention(found: re.Match[str], line: int, column: int) -> Mention:
    what = found["what"]
    if found["part"] not in PARTS[what]:
        near = did_you_mean(found["part"], PARTS[what])
        raise RuleError(f"a {_NOUNS[what]} has no {found['part']!r}{near}", line, column)
    name = found["double"] if found["double"] is not None else found["single"]
    return Mention(what, name, found["part"], line, column)


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def unknown(mentions: Iterable[Mention], known: Mapping[str, Mapping[str, object]]) -> Iterable[RuleError]:
    """Yields an error for each unknown queue, label or calendar."""
    for mention in mentions:
        if mention.name not in known[mention.what]:
            near = did_you_mean(mention.name, known[mention.what])
            message = f"unknown {_NOUNS[mention.what]} {mention.name!r}{near}"
            yield RuleError(message, mention.line, mention.column)


def calendar_variables(open_ones: Iterable[str]) -> dict[str, object]:
    """Returns the variables of calendars, of which these are open."""
    return {variable("calendar", name, "open"): True for name in open_ones}


def with_calendars(context: Mapping[str, object], open_ones: Iterable[str]) -> dict[str, object]:
    """Returns a context in which these calendars are open, and no others."""
    rest = {name: value for name, value in context.items() if not name.startswith("calendar(")}
    return rest | calendar_variables(open_ones)


def label_variables(surging: Iterable[str]) -> dict[str, object]:
    """Returns the variables of labels, of which these have a surge."""
    return {variable("labels", name, "surging"): True for name in surging}


def queue_variables(name: str, **parts: int | bool) -> dict[str, object]:
    """Returns the variables of a queue whose values differ from the default."""
    return {
        variable("queues", name, part): value
        for part, value in parts.items()
        if value != default("queues", part)
    }
