"""What conditions may ask about how queues, labels and calendars stand, by their names.

`queues["social-care"].waiting` is one variable, of one type, like `interaction.channel`: so it is checked before use, and
what it said is one line of a decision's context, under the words that the rule asks it by. CEL has no such names, so a
condition is compiled with an identifier in its place; whoever reads an error is told the column in what was written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from antiphon.organisation.document import did_you_mean

# By what is asked: its parts. What a context does not say of them is 0 or false, but that a queue is open.
PARTS: Mapping[str, Mapping[str, type]] = {
    "queues": {"waiting": int, "agents_present": int, "oldest_seconds": int, "surging": bool, "open": bool},
    "labels": {"surging": bool},
    "calendar": {"open": bool},
}
HOW: Mapping[str, str] = {
    "queues": 'queues["…"].waiting',
    "labels": 'labels["…"].surging',
    "calendar": 'calendar("…").open',
}
_CALLED = {"queues": "queue", "labels": "label", "calendar": "calendar"}

# Comments, and strings in all their forms: raw ones know no escapes.
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
    """A condition can't be used: `line` and `column` count from 1 inside the condition."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Mention(NamedTuple):
    """That a condition asks how something stands, and where."""

    what: str
    name: str
    part: str
    line: int
    column: int

    @property
    def variable(self) -> str:
        """As a context has it."""
        return variable(self.what, self.name, self.part)

    @property
    def identifier(self) -> str:
        """As it is compiled. Distinct names have distinct ones."""
        plain = "".join(
            sign if sign.isascii() and sign.isalnum() else f"_{ord(sign):x}_" for sign in self.name
        )
        return f"{self.what}.n{plain}.{self.part}"

    @property
    def kind(self) -> type:
        """Its type."""
        return PARTS[self.what][self.part]

    @property
    def usual(self) -> int | bool:
        """What it is when a context does not say."""
        return usual(self.what, self.part)


class Written(NamedTuple):
    """A condition as it is compiled, what it asks about how things stand, and by how much columns moved, and where."""

    code: str
    mentions: Sequence[Mention]
    moved: Sequence[tuple[int, int, int]]

    def column(self, line: int, column: int) -> int:
        """The column in what was written, of a place in what was compiled."""
        for at, begins, longer in reversed(self.moved):
            if at == line and column >= begins:
                column = max(column - longer, begins)
        return column


def variable(what: str, name: str, part: str) -> str:
    """How a condition asks for it, and a context says it."""
    return f'{what}("{name}").{part}' if what == "calendar" else f'{what}["{name}"].{part}'


def usual(what: str, part: str) -> int | bool:
    """What is so when a context does not say."""
    return True if (what, part) == ("queues", "open") else PARTS[what][part]()


def is_queue_state(name: str) -> bool:
    """Whether a context's name is one of these."""
    return name.startswith(("queues[", "labels[", "calendar("))


def written(source: str) -> Written:
    """Reads what a condition asks of how things stand. Raises RuleError when it asks for a part that there is not."""
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
        told = did_you_mean(found["part"], PARTS[what])
        raise RuleError(f"a {_CALLED[what]} has no {found['part']!r}{told}", line, column)
    name = found["double"] if found["double"] is not None else found["single"]
    return Mention(what, name, found["part"], line, column)


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def unknown(mentions: Iterable[Mention], known: Mapping[str, Mapping[str, object]]) -> Iterable[RuleError]:
    """What is asked of queues, labels or calendars that there are not."""
    for mention in mentions:
        if mention.name not in known[mention.what]:
            meant = did_you_mean(mention.name, known[mention.what])
            told = f"unknown {_CALLED[mention.what]} {mention.name!r}{meant}"
            yield RuleError(told, mention.line, mention.column)


def calendar_variables(open_ones: Iterable[str]) -> dict[str, object]:
    """What a context says of calendars: which of them are open."""
    return {variable("calendar", name, "open"): True for name in open_ones}


def with_calendars(context: Mapping[str, object], open_ones: Iterable[str]) -> dict[str, object]:
    """A context in which these calendars are open, and no others."""
    rest = {name: value for name, value in context.items() if not name.startswith("calendar(")}
    return rest | calendar_variables(open_ones)


def label_variables(surging: Iterable[str]) -> dict[str, object]:
    """What a context says of labels: which of them come far more often than usual."""
    return {variable("labels", name, "surging"): True for name in surging}


def queue_variables(name: str, **parts: int | bool) -> dict[str, object]:
    """What a context says of a queue: what is not as usual."""
    return {
        variable("queues", name, part): value
        for part, value in parts.items()
        if value != usual("queues", part)
    }
