"""Parses bytes to a tree of parts, with Python's parser and within limits, so that its time is linear in the bytes.

What is past a limit is only in the raw bytes. Sources: RFC 2045-2049 (MIME), RFC 2183, RFC 2231 (parameters).
"""

from dataclasses import dataclass
from email import errors, policy
from email.feedparser import BytesFeedParser
from email.message import Message
from email.policy import Policy

from typing_extensions import override

# Far more parts than any program writes. The rest of the mail is not parsed.
MOST_PARSED = 2_000
# The parser compares each line with the boundary of each level around it. A mail that is forwarded as a file adds two levels.
DEEPEST = 30
# Of one part. A mail that passed many servers has about a hundred.
MOST_HEADERS = 1_000
# The time to read parameters grows with their length multiplied by the number of semicolons.
LONGEST_PARAMETERS = 8_192
MOST_SEMICOLONS = 100
_PARAMETERS = {"content-type", "content-disposition"}
_CHUNK = 64 * 1024


class TooDeepDefect(errors.MessageDefect):
    """Some parts are too deep to be parsed: the part around them is one file."""


class TooManyPartsDefect(errors.MessageDefect):
    """The mail has more parts than are parsed."""


class HeaderTooLongDefect(errors.MessageDefect):
    """A header with parameters was cut."""


class TooManyHeadersDefect(errors.MessageDefect):
    """A part has more headers than are read."""


@dataclass
class _Seen:
    """The limits that one mail has met, and the number of its parts so far."""

    parts: int = 0
    deepest: bool = False
    cut: bool = False
    headers: bool = False


class Part(Message):
    """A part of a mail that keeps the parser within the limits."""

    def __init__(self, policy: Policy, seen: _Seen) -> None:
        super().__init__(policy)
        self._seen = seen
        self.depth = 0
        self._number_of_headers = 0
        seen.parts += 1

    @override
    def attach(self, payload: Message) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - the parser gives parts
        if isinstance(payload, Part):
            payload.depth = self.depth + 1
        super().attach(payload)

    @override
    def set_raw(self, name: str, value: str) -> None:
        """The parser calls it for each header, before it reads any."""
        self._number_of_headers += 1
        if self._number_of_headers > MOST_HEADERS:
            self._seen.headers = True
            return
        if name.lower() in _PARAMETERS:
            bounded = _bounded(value)
            self._seen.cut |= bounded is not value
            value = bounded
        super().set_raw(name, value)

    @override
    def get_content_type(self) -> str:
        """The declared type; a part that is too deep to hold others is a file, whatever it declares."""
        kind = super().get_content_type()
        if self.depth >= DEEPEST and kind.startswith(("multipart/", "message/")):
            self._seen.deepest = True
            return "application/octet-stream"
        return kind


def parse(raw: bytes) -> Message:
    """The parts of `raw`. The defects of the root name each limit that was met. Raises what Python's parser raises."""
    seen = _Seen()
    parser = BytesFeedParser(lambda: Part(policy.compat32, seen))
    for begin in range(0, len(raw), _CHUNK):
        parser.feed(raw[begin : begin + _CHUNK])
        if seen.parts > MOST_PARSED:
            break
    root = parser.close()
    met = (
        (seen.parts > MOST_PARSED, TooManyPartsDefect),
        (seen.deepest, TooDeepDefect),
        (seen.cut, HeaderTooLongDefect),
        (seen.headers, TooManyHeadersDefect),
    )
    root.defects += [defect() for is_met, defect in met if is_met]
    return root


def children(part: Message) -> list[Message]:
    """The parts inside a part; none when it holds bytes. It does not decode the bytes, as `get_payload` does."""
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _bounded(value: str) -> str:
    """A header with parameters, cut to the limits; the same string when it is within them."""
    if len(value) <= LONGEST_PARAMETERS and value.count(";") <= MOST_SEMICOLONS:
        return value
    return ";".join(value[:LONGEST_PARAMETERS].split(";", MOST_SEMICOLONS + 1)[: MOST_SEMICOLONS + 1])
