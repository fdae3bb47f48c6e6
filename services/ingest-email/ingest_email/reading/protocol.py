"""What goes through the pipes between the service and a worker: JSON and bytes, so that neither runs what the other sends.

A frame is two lengths, the JSON and the bytes. The first frame is a `Start`, answered by one byte; each further one is
a `Request` with the mail, answered by an `Answer` with the mail's files.
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
    """What a worker is told once."""

    ours: OurMail
    cpu_seconds: float
    memory_bytes: int


class Request(NamedTuple):
    """A mail to read; its bytes follow."""

    envelope: Envelope
    accepted_at: datetime


class Answer(NamedTuple):
    """What became of it: `read` is None when memory ran out. The bytes of its files follow, as long as `sizes`."""

    read: ReadMail | None
    sizes: tuple[int, ...] = ()
    # The worker has grown so much that it ends now.
    is_last: bool = False


START = TypeAdapter(Start)
REQUEST = TypeAdapter(Request)
ANSWER = TypeAdapter(Answer)


def request(envelope: Envelope, accepted_at: datetime) -> bytes:
    """The JSON of a request."""
    given = Envelope(
        _clean(envelope.sender), tuple(clean(address) for address in envelope.recipients),
        peer=_clean(envelope.peer), helo=_clean(envelope.helo),
    )  # fmt: skip
    return REQUEST.dump_json(Request(given, accepted_at))


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)


def answer(read: ReadMail, *, is_last: bool) -> tuple[bytes, Sequence[bytes]]:
    """The JSON of an answer, and the bytes that follow."""
    files = tuple(file._replace(data=b"") for file in read.files)
    data = [file.data for file in read.files]
    sizes = tuple(map(len, data))
    return ANSWER.dump_json(Answer(read._replace(files=files), sizes, is_last)), data


def read_of(told: Answer, data: bytes) -> ReadMail | None:
    """The mail of an answer, with its files. Raises ValueError when sizes and bytes do not fit."""
    if told.read is None:
        return None
    if len(told.sizes) != len(told.read.files) or sum(told.sizes) != len(data):
        raise ValueError(f"{len(data)} bytes are not {told.sizes}")
    files = []
    place = 0
    for file, size in zip(told.read.files, told.sizes, strict=True):
        files.append(file._replace(data=data[place : place + size]))
        place += size
    return told.read._replace(files=tuple(files))
