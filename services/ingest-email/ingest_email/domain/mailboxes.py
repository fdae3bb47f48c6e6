"""Address lists of header fields, read by their structure and not by what looks like an address in them.

In `name <address>` the address is what stands in the angle brackets, whatever the name holds. Encoded words have no
structure (RFC 2047, 5): what is an address only once they are decoded is a name. One pass, so that no value costs more
than its length. Source: RFC 5322, 3.2 and 3.4.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from antiphon import identifiers
from antiphon.contracts.interactions import Identifier

LONGEST = 20_000
# Of what may be addresses: whoever lists more authors or wishes for more answers is no person. Each costs a look at its domain.
MOST = 100
LONGEST_ADDRESS = 500
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*+)>")
_PLAIN = re.compile(r'[^"(<,;:]++')
_ATOM = r'[^\s()<>\[\]:;@\\,"]+'
_ADDRESS = re.compile(rf'(?:{_ATOM}|"[^\s"\\@<>]+")@{_ATOM}')


class Mailbox(NamedTuple):
    """A name and an address as a header gives them."""

    name: str | None
    address: str


class MailboxList(NamedTuple):
    """The mailboxes of one value, those of groups among them, in order.

    `is_well_formed` is false when something in it is neither a mailbox nor the name of one, or may be either of two.
    """

    mailboxes: tuple[Mailbox, ...]
    is_well_formed: bool


def read(value: str, *, most: int | None = MOST) -> MailboxList:
    """The mailboxes in the unfolded value of a header field. Encoded words in names stay as they are.

    Behind `most` parts that may hold an address nothing is read, and the list is not well-formed.
    """
    found: list[Mailbox] = []
    is_well_formed = len(value) <= LONGEST
    # `Harris, Jo <jo@mail.example>`: people forget to quote a comma.
    before: list[str] = []
    looked_at = 0
    for part in _parts(value[:LONGEST]):
        looked_at += part.may_hold_address
        if most is not None and looked_at > most:
            is_well_formed = False
            break
        mailbox = part.mailbox()
        if mailbox is not None:
            name = ", ".join([*before, *([mailbox.name] if mailbox.name else [])])
            found.append(Mailbox(name or None, mailbox.address))
            before = []
        elif part.may_hold_address:
            is_well_formed = False
            before = []
        elif part.name:
            before.append(part.name)
    return MailboxList(tuple(found), is_well_formed and not before)


def is_address(text: str) -> bool:
    """Whether `text` is one mailbox address and nothing else, in a form that every program reads alike."""
    return _address(text) is not None


def _address(text: str) -> Identifier | None:
    if len(text) > LONGEST_ADDRESS or not text.isprintable() or not _ADDRESS.fullmatch(text):
        return None
    return identifiers.email(text)


@dataclass
class _Part:
    """What stands between two commas; `texts` is what follows the last angle brackets, if there are any."""

    texts: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    angles: list[str] = field(default_factory=list[str])
    comments: list[str] = field(default_factory=list[str])
    is_group_name: bool = False

    def close_angle(self, content: str) -> None:
        """Adds what stands in angle brackets: the texts before it were a name."""
        if self.angles:
            self.names.append(f"<{self.angles[-1]}>")
        self.names += self.texts
        self.angles.append(content.strip())
        self.texts = []

    @property
    def name(self) -> str:
        """The words that are no address, without their quotes."""
        return "".join(_unquoted(text) for text in (self.names if self.angles else self.texts)).strip()

    @property
    def may_hold_address(self) -> bool:
        """Whether somebody may have meant an address by something in it."""
        return bool(self.angles) or "@" in "".join(self.texts)

    def mailbox(self) -> Mailbox | None:
        """The mailbox that it is; None when it is none, or may be either of two."""
        rest = "".join(self.texts).strip()
        if self.is_group_name:
            return None
        if not self.angles:
            # The old form has the name in a comment: jo@mail.example (Jo Harris).
            return Mailbox(" ".join(self.comments).strip() or None, rest) if is_address(rest) else None
        last = self.angles[-1]
        address = None if rest or len(self.angles) > MOST else _address(last)
        # Of two addresses in brackets programs take the first or the last: what checked the sender may have checked the other.
        others = set(self.angles) - {last}
        if address is None or any(_address(other) not in (None, address) for other in others):
            return None
        return Mailbox(self.name or None, last)


def _parts(value: str) -> Iterator[_Part]:
    part, place = _Part(), 0
    # A quote or comment that is not closed is a character like others; no later one is closed then, either.
    quotes, comments = True, True
    while place < len(value):
        sign, end = value[place], place + 1
        if sign in ",;":
            yield part
            part = _Part()
        elif sign == ":" and not part.angles:
            # What stood before it is the name of a group; programs that know none take it for an address where it looks like one.
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
    """Where the comment that begins at `start` ends, comments within it included. None when it does not end."""
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
