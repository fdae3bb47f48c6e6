"""Bytes as a tree of parts, by Python's parser, within bounds: what it does is linear in the bytes, whoever wrote them.

What is beyond a bound stays in the raw bytes. Sources: RFC 2045-2049 (MIME), RFC 2183, RFC 2231 (parameters).
"""

from dataclasses import dataclass
from email import errors, policy
from email.feedparser import BytesFeedParser
from email.message import Message
from email.policy import Policy

from typing_extensions import override

# Far more than any program writes: no more than this is parsed, and the rest of the mail is left.
MOST_PARSED = 2_000
# Each multipart around a line costs a look at it. A chain of mails forwarded as files has two levels a mail.
DEEPEST = 30
# Per part. A mail that went through many servers has some hundred.
MOST_HEADERS = 1_000
# The parser reads parameters in time that grows with their length and the number of semicolons, multiplied.
LONGEST_PARAMETERS = 8_192
MOST_SEMICOLONS = 100
_PARAMETERS = {"content-type", "content-disposition"}
_CHUNK = 64 * 1024


class TooDeepDefect(errors.MessageDefect):
    """The part holds parts that are too deep to be parsed: it is one file."""


class TooManyPartsDefect(errors.MessageDefect):
    """There are more parts than are parsed."""


class HeaderTooLongDefect(errors.MessageDefect):
    """The parameters of a header were cut."""


class TooManyHeadersDefect(errors.MessageDefect):
    """A part has more headers than are read."""


@dataclass
class _Seen:
    """What was met while one mail is parsed."""

    parts: int = 0
    deepest: bool = False
    cut: bool = False
    headers: bool = False


class Part(Message):
    """A part of a mail that keeps the parser within bounds."""

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
        """Called by the parser for each header, before it looks at any."""
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
        """As it is said; a part that is too deep to hold others is a file, whatever it says."""
        kind = super().get_content_type()
        if self.depth >= DEEPEST and kind.startswith(("multipart/", "message/")):
            self._seen.deepest = True
            return "application/octet-stream"
        return kind


def parse(raw: bytes) -> Message:
    """The parts of `raw`; what was beyond a bound is among the defects of the root. Raises what Python's parser raises."""
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
    """The parts inside a part; none when it holds bytes. Does not decode these, as `get_payload` does."""
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _bounded(value: str) -> str:
    """A header with parameters, cut so that reading them is cheap; itself when it is short enough."""
    if len(value) <= LONGEST_PARAMETERS and value.count(";") <= MOST_SEMICOLONS:
        return value
    return ";".join(value[:LONGEST_PARAMETERS].split(";", MOST_SEMICOLONS + 1)[: MOST_SEMICOLONS + 1])
