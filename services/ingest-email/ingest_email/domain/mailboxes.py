"""Reads address lists of header fields by their structure, not by what looks like an address.

In `name <address>` the address is what is in the angle brackets, whatever the name contains. Encoded words have no
structure (RFC 2047, 5): text that is an address only after decoding is a name. The reader makes one pass, so its time is
linear in the length. Source: RFC 5322, 3.2 and 3.4.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from antiphon import identifiers
from antiphon.contracts.interactions import Identifier

LONGEST = 20_000
# Parts that may hold an address. No person lists more, and each one takes the time to read its domain.
MOST = 100
LONGEST_ADDRESS = 500
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*+)>")
_PLAIN = re.compile(r'[^"(<,;:]++')
_ATOM = r'[^\s()<>\[\]:;@\\,"]+'
_ADDRESS = re.compile(rf'(?:{_ATOM}|"[^\s"\\@<>]+")@{_ATOM}')


class Mailbox(NamedTuple):
    """A name and an address as a header has them."""

    name: str | None
    address: str


class MailboxList(NamedTuple):
    """The mailboxes of one value in order, those in groups too.

    `is_well_formed` is false when a part of the value is neither a mailbox nor the name of one, or can be read in two ways.
    """

    mailboxes: tuple[Mailbox, ...]
    is_well_formed: bool


def read(value: str, *, most: int | None = MOST) -> MailboxList:
    """The mailboxes in the value of a header field, on one line. Encoded words in names are not decoded.

    After `most` parts that may hold an address the reader stops, and the list is not well-formed.
    """
    mailboxes: list[Mailbox] = []
    is_well_formed = len(value) <= LONGEST
    # In `Harris, Jo <jo@mail.example>` somebody forgot to quote the comma.
    before: list[str] = []
    candidates = 0
    for part in _parts(value[:LONGEST]):
        candidates += part.may_hold_address
        if most is not None and candidates > most:
            is_well_formed = False
            break
        mailbox = part.mailbox()
        if mailbox is not None:
            name = ", ".join([*before, *([mailbox.name] if mailbox.name else [])])
            mailboxes.append(Mailbox(name or None, mailbox.address))
            before = []
        elif part.may_hold_address:
            is_well_formed = False
            before = []
        elif part.name:
            before.append(part.name)
    return MailboxList(tuple(mailboxes), is_well_formed and not before)


def is_address(text: str) -> bool:
    """Whether `text` is one mailbox address and nothing else, in a form that every program reads in the same way."""
    return _address(text) is not None


def _address(text: str) -> Identifier | None:
    if len(text) > LONGEST_ADDRESS or not text.isprintable() or not _ADDRESS.fullmatch(text):
        return None
    return identifiers.email(text)


@dataclass
class _Part:
    """The part between two commas. `texts` is what follows the last angle brackets, or all when there are none."""

    texts: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    angles: list[str] = field(default_factory=list[str])
    comments: list[str] = field(default_factory=list[str])
    is_group_name: bool = False

    def close_angle(self, content: str) -> None:
        """Adds the content of angle brackets. The texts before it were a name."""
        if self.angles:
            self.names.append(f"<{self.angles[-1]}>")
        self.names += self.texts
        self.angles.append(content.strip())
        self.texts = []

    @property
    def name(self) -> str:
        """The text that is no address, without its quotes."""
        return "".join(_unquoted(text) for text in (self.names if self.angles else self.texts)).strip()

    @property
    def may_hold_address(self) -> bool:
        """Whether some program may read an address in it."""
        return bool(self.angles) or "@" in "".join(self.texts)

    def mailbox(self) -> Mailbox | None:
        """The mailbox that it is. None when it is no mailbox, or can be read in two ways."""
        rest = "".join(self.texts).strip()
        if self.is_group_name:
            return None
        if not self.angles:
            # An old form has the name in a comment: jo@mail.example (Jo Harris).
            return Mailbox(" ".join(self.comments).strip() or None, rest) if is_address(rest) else None
        last = self.angles[-1]
        address = None if rest or len(self.angles) > MOST else _address(last)
        # Of two addresses in brackets some programs read the first, others the last. The one that checked the sender may
        # have checked the one that we do not read.
        others = set(self.angles) - {last}
        if address is None or any(_address(other) not in (None, address) for other in others):
            return None
        return Mailbox(self.name or None, last)


def _parts(value: str) -> Iterator[_Part]:
    part, place = _Part(), 0
    # A quote or bracket that is not closed is an ordinary character. Then no later one is closed, either.
    quotes, comments = True, True
    while place < len(value):
        sign, end = value[place], place + 1
        if sign in ",;":
            yield part
            part = _Part()
        elif sign == ":" and not part.angles:
            # The text before a colon is the name of a group. A program that knows no groups may read an address in it.
            if part.may_hold_address:
                part.is_group_name = True
                yield part
            part = _Part()
        elif sign == "<" and (angle := _ANGLE.match(value, place)):
            part.close_angle(angle[1])
            end = angle.end()
        elif sign == '"' and quotes and (quoted := _QUOTED.match(value, place)):
            part.texts.append(quoted[0])
            end = quoted.end()
        elif sign == "(" and comments and (closed := _comment_end(value, place)):
            part.comments.append(value[place + 1 : closed - 1])
            part.texts.append(" ")
            end = closed
        else:
            quotes, comments = quotes and sign != '"', comments and sign != "("
            plain = _PLAIN.match(value, place)
            end = plain.end() if plain else end
            part.texts.append(value[place:end])
        place = end
    yield part


def _comment_end(value: str, start: int) -> int | None:
    """The end of the comment that begins at `start`, with the comments inside it. None when it does not end."""
    depth, place = 0, start
    while place < len(value):
        sign = value[place]
        depth += (sign == "(") - (sign == ")")
        place += 2 if sign == "\\" else 1
        if depth == 0:
            return place
    return None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if _QUOTED.fullmatch(text) else text
