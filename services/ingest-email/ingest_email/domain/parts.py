"""Reads the parts of a mail: its text, its HTML and its files. Nothing here raises but MemoryError.

Sources: RFC 2045-2049 (MIME), RFC 2183 (Content-Disposition).
"""

import hashlib
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.generator import BytesGenerator
from email.message import Message
from io import BytesIO
from typing import NamedTuple

from antiphon.text import clean
from ingest_email.domain import charsets
from ingest_email.domain.headers import decoded
from ingest_email.domain.mime import children

MOST_PARTS = 500
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,80}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-zA-Z0-9_-]{1,40})", re.IGNORECASE)
# Control characters, and those that change the direction of text: `gpj.exe` must not look like `exe.jpg`.
_NOT_IN_NAMES = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff<>:\"|?*]"
)


class File(NamedTuple):
    """A file that came with the mail."""

    filename: str
    media_type: str
    content_id: str | None
    data: bytes
    sha256: str


@dataclass
class Body:
    """The content of the parts of a mail."""

    plain: list[str] = field(default_factory=list[str])
    html: list[str] = field(default_factory=list[str])
    files: list[File] = field(default_factory=list[File])
    defects: list[str] = field(default_factory=list[str])


def read_body(message: Message) -> Body:
    """The text, HTML and files of a parsed mail."""
    body = Body()
    for number, part in enumerate(_leaves(message)):
        if number >= MOST_PARTS:
            body.defects.append("too-many-parts")
            break
        try:
            _take(body, part, is_root=part is message)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - the other parts can still be read
            body.defects.append("part-unreadable")
    return body


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold content, in order. A mail inside the mail is one part."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.is_multipart() and media_type(part).startswith("multipart/"):
            waiting.extend(reversed(children(part)))
        else:
            yield part


def _take(body: Body, part: Message, *, is_root: bool) -> None:
    _make_readable(part)
    kind = media_type(part)
    name = _declared_name(part)
    disposition = _disposition(part)
    is_text = kind in {"text/plain", "text/html"} and (is_root or (disposition != "attachment" and not name))
    if kind.startswith("multipart/") and not part.is_multipart():
        body.defects.append("multipart-without-parts")
        is_text = True
    data = _bytes(part, body)
    if is_text:
        text = _text(part, data, body, html=kind == "text/html")
        (body.html if kind == "text/html" else body.plain).append(text)
        return
    body.files.append(
        File(
            filename(name, kind, len(body.files) + 1),
            kind,
            _content_id(part),
            data,
            hashlib.sha256(data).hexdigest(),
        )
    )


def _text(part: Message, data: bytes, body: Body, *, html: bool) -> str:
    declared = _charset(part)
    if html and not declared and (meta := _META_CHARSET.search(data[:4096])):
        declared = meta[1].decode("ascii", "replace")
    text, defect = charsets.decode(data, declared)
    if defect:
        body.defects.append(defect)
    return clean(text)


def media_type(part: Message) -> str:
    """The media type of the part; `application/octet-stream` for what is no media type."""
    try:
        kind = part.get_content_type().lower()
    except Exception:  # noqa: BLE001 - see module
        return "text/plain"
    return kind if _MEDIA_TYPE.fullmatch(kind) else "application/octet-stream"


def _charset(part: Message) -> str | None:
    try:
        value = part.get_content_charset()
    except Exception:  # noqa: BLE001 - see module
        return None
    return str(value) if value else None


def _disposition(part: Message) -> str | None:
    try:
        return part.get_content_disposition()
    except Exception:  # noqa: BLE001 - see module
        return None


def _make_readable(part: Message) -> None:
    """Decodes bytes that are not ASCII in parameters. The parser only marks them as unknown."""
    # Of several headers of one name the first counts.
    first = {name.lower(): str(value) for name, value in reversed(list(part.raw_items()))}
    for name in ("content-type", "content-disposition"):
        text = first.get(name, "")
        if not text.isascii():
            raw = text.encode("utf-8", "surrogateescape")
            part.replace_header(name, charsets.decode(raw, None).text)


def _declared_name(part: Message) -> str | None:
    try:
        value = part.get_filename()
    except Exception:  # noqa: BLE001 - see module
        return None
    if not value:
        return None
    return decoded(value)


def _content_id(part: Message) -> str | None:
    value = clean(str(part.get("Content-ID") or "")).strip().strip("<>")
    return value[:300] or None


def _bytes(part: Message, body: Body) -> bytes:
    if part.is_multipart():
        return b"\r\n".join(_serialised(child) for child in children(part))
    try:
        data = part.get_payload(decode=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - see module
        body.defects.append("encoding-broken")
        data = None
    if isinstance(data, bytes):
        return data
    return str(part.get_payload() or "").encode("utf-8", "surrogateescape")


def _serialised(message: Message) -> bytes:
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, policy=policy.compat32.clone(linesep="\r\n")).flatten(message)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the generator raises on some broken mails
        return str(message.get_payload()).encode("utf-8", "replace")
    return out.getvalue()


def filename(declared: str | None, kind: str, number: int) -> str:
    """A name under which it is safe to save a file: no folder, no control character, at most 150 characters, never empty."""
    name = re.split(r"[/\\]", declared or "")[-1]
    name = _NOT_IN_NAMES.sub("", name).strip(" .")
    if not name:
        guessed = ".eml" if kind == "message/rfc822" else mimetypes.guess_extension(kind)
        return f"attachment-{number}{guessed or '.bin'}"
    stem, dot, extension = name.rpartition(".")
    if len(name) > 150:
        return f"{stem[: 140 - len(extension)]}.{extension}" if dot and len(extension) <= 20 else name[:150]
    return name
