"""The messages between the service and a worker. They are JSON and bytes, so neither side can run what the other sends.

A frame is two lengths, the JSON and the bytes. The service first sends a `Start`, and the worker answers one byte. Then the
service sends `Request`s, each with the bytes of a mail, and the worker answers each with an `Answer` and the bytes of its files.
"""

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from antiphon.text import clean
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.mail import Envelope, ReadMail

LENGTHS = struct.Struct("!QQ")
READY = b"\x01"


class Start(NamedTuple):
    """What a worker needs to know once."""

    cpu_seconds: float
    memory_bytes: int


class Request(NamedTuple):
    """A mail to read. Its bytes follow. Without `ours` the worker uses those of the request before."""

    envelope: Envelope
    accepted_at: datetime
    ours: OurMail | None = None


class Answer(NamedTuple):
    """The mail as it was read; None when memory ran out. The bytes of its files follow, as long as `sizes`."""

    read: ReadMail | None
    sizes: tuple[int, ...] = ()
    # The worker uses so much memory that it ends now.
    is_last: bool = False


START = TypeAdapter(Start)
REQUEST = TypeAdapter(Request)
ANSWER = TypeAdapter(Answer)


def encoded(request: Request) -> bytes:
    """The JSON of a request."""
    envelope = request.envelope
    cleaned = Envelope(
        _clean(envelope.sender), tuple(clean(address) for address in envelope.recipients),
        peer=_clean(envelope.peer), helo=_clean(envelope.helo),
    )  # fmt: skip
    return REQUEST.dump_json(request._replace(envelope=cleaned))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)


def answer(read: ReadMail, *, is_last: bool) -> tuple[bytes, Sequence[bytes]]:
    """The JSON of an answer, and the bytes that follow."""
    files = tuple(file._replace(data=b"") for file in read.files)
    data = [file.data for file in read.files]
    sizes = tuple(map(len, data))
    return ANSWER.dump_json(Answer(read._replace(files=files), sizes, is_last)), data


def read_of(answer: Answer, data: bytes) -> ReadMail | None:
    """The mail of an answer, with its files. Raises ValueError when sizes and bytes do not agree."""
    if answer.read is None:
        return None
    if len(answer.sizes) != len(answer.read.files) or sum(answer.sizes) != len(data):
        raise ValueError(f"a worker sent {len(data)} bytes for files of {answer.sizes}")
    files = []
    place = 0
    for file, size in zip(answer.read.files, answer.sizes, strict=True):
        files.append(file._replace(data=data[place : place + size]))
        place += size
    return answer.read._replace(files=tuple(files))
