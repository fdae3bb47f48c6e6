"""Reads a bounce: which mail came back, and whether for good.

Sources: RFC 3464 (delivery status), RFC 3463 (codes).
"""

import re
from collections.abc import Iterator, Sequence
from email.message import Message
from typing import NamedTuple

from antiphon.text import shorten
from ingest_email.domain.headers import Headers
from ingest_email.domain.mime import children
from ingest_email.domain.parts import media_type

_STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
_CODE = re.compile(r"\b5[0-7]\d[ -]")
_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*(<[^<>\s]{1,500}>)")


class Bounce(NamedTuple):
    """A mail that did not arrive: its Message-ID if the bounce states one, and why."""

    original: str | None
    is_permanent: bool
    reason: str


def read_bounce(message: Message, headers: Headers, raw: bytes, text: str) -> Bounce:
    """What a bounce reports. Never raises."""
    try:
        reports = [
            Headers.of(block)
            for part in _of_type(message, "message/delivery-status")
            for block in children(part)
        ]
    except Exception:  # noqa: BLE001 - a broken report still is a bounce
        reports = []
    return Bounce(_original(headers, raw), _is_permanent(reports, text), _reason(reports, text))


def _of_type(message: Message, *kinds: str) -> Iterator[Message]:
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if media_type(part) in kinds:
            yield part
        waiting.extend(children(part))


def _original(headers: Headers, raw: bytes) -> str | None:
    """The Message-ID of the mail that came back: the last one that the bounce quotes, else the one that it answers."""
    own = headers.raw("Message-ID").encode("utf-8", "replace")
    last = None
    for match in _MESSAGE_ID.finditer(raw):
        last = match[1] if match[1] != own else last
    if last is not None:
        return last.decode("utf-8", "replace")
    answered = headers.message_ids("In-Reply-To") or headers.message_ids("References")[-1:]
    return answered[0] if answered else None


def _is_permanent(reports: Sequence[Headers], text: str) -> bool:
    actions = {report.raw("Action").lower() for report in reports if report.raw("Action")}
    statuses = [match[1] for report in reports if (match := _STATUS.search(report.raw("Status")))]
    if actions or statuses:
        return "failed" in actions and "4" not in statuses if actions else "5" in statuses
    status = _STATUS.search(text)
    return status[1] == "5" if status else bool(_CODE.search(text))


def _reason(reports: Sequence[Headers], text: str) -> str:
    for report in reports:
        details = [report.raw("Status"), report.text("Diagnostic-Code")]
        if report.raw("Action").lower() == "failed" and any(details):
            return shorten(" ".join(filter(None, details)), 500)
    lines = (line.strip() for line in text.split("\n") if _STATUS.search(line) or _CODE.search(line))
    return shorten(next(lines, "") or "the mail came back", 500)
