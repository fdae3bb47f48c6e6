"""The values of a header field as other programs read them. Where they read another value, ours is not reliable.

A strict program ends the header block at a line that is no field, and reads a CR alone, or an LF alone among CRLFs, as a
character of a value. A tolerant one skips such lines. Source: RFC 5322, 2.1, 2.2 and 3.6.8.
"""

import re
from collections.abc import Iterator

# Bytes that are read: far more than the headers of any program.
LONGEST = 1024 * 1024
_END = re.compile(rb"\n\r?\n")
_LF_ALONE = re.compile(rb"(?<!\r)\n")
_NO_FIELD = re.compile(rb"^(?![!-9;-~]+:|[ \t])|\A[ \t]", re.MULTILINE)
# The line before a mail in an mbox file. It is no field, and every program skips it.
_MBOX = re.compile(rb"\AFrom (?![ \t]*:)[^\n]*\n")


def readings(raw: bytes, name: str) -> list[list[str]] | None:
    """All values of the field `name`, once for each way of reading; folded, with lone surrogates for bytes that are not ASCII.

    None when the header block is longer than `LONGEST`.
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
    """The header block of `text` up to `end`, where LF ends a line; then the block where only CRLF ends one."""
    yield _head(text[:end].replace(b"\r\n", b"\n"))
    if b"\r\n" in text[:end] and _LF_ALONE.search(text[:end]):
        yield _head(_LF_ALONE.sub(b"\r", text).replace(b"\r\n", b"\n"))


def _head(text: bytes) -> bytes:
    if text.startswith(b"\n"):
        return b""
    return _MBOX.sub(b"", text.partition(b"\n\n")[0])
