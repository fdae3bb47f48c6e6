"""The values of a header field as other programs read them: what they find elsewhere than we do is not to be relied on.

A program that keeps to the letter ends the header block at a line that is no field, and takes a CR alone, or an LF alone
among CRLFs, for a character of a value. Others skip such lines. Source: RFC 5322, 2.1, 2.2 and 3.6.8.
"""

import re
from collections.abc import Iterator

# What is looked at: far more than the headers that any program writes.
LONGEST = 1024 * 1024
_END = re.compile(rb"\n\r?\n")
_LF_ALONE = re.compile(rb"(?<!\r)\n")
_NO_FIELD = re.compile(rb"^(?![!-9;-~]+:|[ \t])|\A[ \t]", re.MULTILINE)
# The line of an mbox file before a mail: no field, which every program knows.
_MBOX = re.compile(rb"\AFrom (?![ \t]*:)[^\n]*\n")


def readings(raw: bytes, name: str) -> list[list[str]] | None:
    """All values of the field `name`, as each way of reading finds them; folded, with lone surrogates for bytes beyond ASCII.

    None where the header block is longer than what is looked at.
    """
    field = re.compile(
        rb"^" + re.escape(name.encode()) + rb"[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)",
        re.MULTILINE | re.IGNORECASE,
    )
    text = raw[:LONGEST]
    end = _END.search(text)
    if end is None and len(raw) > LONGEST:
        return None
    return [
        [value.decode("ascii", "surrogateescape") for value in field.findall(block)]
        for head in _heads(text, len(text) if end is None else end.end())
        for block in (head, _NO_FIELD.split(head, maxsplit=1)[0])
    ]


def _heads(text: bytes, end: int) -> Iterator[bytes]:
    """The header block of `text`, which ends at `end` where LF ends a line; and what it is where only CRLF does."""
    yield _head(text[:end].replace(b"\r\n", b"\n"))
    if b"\r\n" in text[:end] and _LF_ALONE.search(text[:end]):
        yield _head(_LF_ALONE.sub(b"\r", text).replace(b"\r\n", b"\n"))


def _head(text: bytes) -> bytes:
    if text.startswith(b"\n"):
        return b""
    return _MBOX.sub(b"", text.partition(b"\n\n")[0])
