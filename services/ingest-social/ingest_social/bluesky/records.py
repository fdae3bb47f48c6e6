"""Reads `app.bsky.feed.post` records as posts. Pure, and tolerant: a record may hold anything anywhere.

Source: lexicons app.bsky.feed.post, app.bsky.richtext.facet, app.bsky.embed.*.
"""

import mimetypes
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import libipld
import regex

from antiphon.contracts.interactions import InteractionKind, Visibility
from antiphon.text import clean, shorten
from ingest_social.network import File, Post

POST = "app.bsky.feed.post"
LONGEST_PAST = timedelta(days=400)
LONGEST_FUTURE = timedelta(minutes=10)
MAX_FILES = 10
BAD_TIME = "createdAt is missing or can't be true: the time of the commit is used"
_RAW_SHA256 = b"\x01\x55\x12\x20"  # CIDv1, raw bytes, SHA-256 of 32 bytes


class Us(NamedTuple):
    """Our account: its DID, and the handle by which people mention it."""

    did: str
    handle: str


class Origin(NamedTuple):
    """Where a record comes from: its at:// URI, CID, author, the revision of its commit if known, and the commit's time."""

    uri: str
    cid: str
    author: str
    order: str | None
    at: datetime


def post(origin: Origin, record: dict[str, Any]) -> Post:
    """The record as a post. A text that is no text becomes empty, and a defect names what was wrong."""
    defects: list[str] = []
    at = time(record.get("createdAt"))
    if at is None or not origin.at - LONGEST_PAST <= at <= origin.at + LONGEST_FUTURE:
        defects.append(BAD_TIME)
        at = origin.at
    text = record.get("text")
    if not isinstance(text, str):
        defects.append("the post has no text")
        text = ""
    langs = record.get("langs")
    language = langs[0] if isinstance(langs, list) and langs and isinstance(langs[0], str) else None
    return Post(
        native_id=origin.uri,
        revision=origin.cid,
        order=origin.order,
        author=origin.author,
        text=clean(text),
        answers=answers(record),
        language=clean(language)[:35] if language else None,
        occurred_at=at,
        record=plain(record),
        kind=_kind(record),
        visibility=Visibility.PUBLIC,
        conversation=_root(record) or origin.uri,
        files=files(record),
        defects=defects,
    )


def concerns(record: dict[str, Any], us: Us) -> bool:
    """Whether a post answers, quotes or mentions us, by a facet or by `@handle` in its text."""
    if any(uri.startswith(f"at://{us.did}/") for uri in answers(record)):
        return True
    if any(feature.get("did") == us.did for feature in _features(record)):
        return True
    text = record.get("text")
    pattern = rf"(?<![\w.@-])@{regex.escape(us.handle)}(?![\w-]|\.\w)"
    return isinstance(text, str) and regex.search(pattern, text, regex.IGNORECASE) is not None


def _features(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        feature
        for facet in _maps(record.get("facets"))
        for feature in _maps(facet.get("features"))
        if feature.get("$type") == "app.bsky.richtext.facet#mention"
    ]


def _kind(record: dict[str, Any]) -> InteractionKind:
    """A post that concerns us and neither answers nor quotes mentions us."""
    if _uri(_map(record.get("reply")).get("parent")):
        return InteractionKind.REPLY
    return InteractionKind.QUOTE if answers(record) else InteractionKind.MENTION


def _root(record: dict[str, Any]) -> str | None:
    return _uri(_map(record.get("reply")).get("root"))


def _uri(reference: object) -> str | None:
    uri = _map(reference).get("uri")
    return clean(uri)[:1000] if isinstance(uri, str) and uri.startswith("at://") else None


def answers(record: dict[str, Any]) -> list[str]:
    """The at:// URIs that it answers or quotes, the nearest first."""
    reply = _map(record.get("reply"))
    embedded = _map(_map(record.get("embed")).get("record"))
    # recordWithMedia wraps the quoted record once more
    references = [reply.get("parent"), reply.get("root"), embedded, embedded.get("record")]
    return list(dict.fromkeys(uri for uri in map(_uri, references) if uri))


def files(record: dict[str, Any]) -> list[File]:
    """The images and the video of a post. The CID of a blob contains its SHA-256."""
    embed = _map(record.get("embed"))
    media = _map(embed.get("media")) or embed
    holders = [*_maps(media.get("images")), media]
    attached: list[File] = []
    for holder in holders:
        blob = _map(holder.get("image")) or _map(holder.get("video"))
        cid = _cid(blob.get("ref"))
        digest = sha256_of(cid) if cid else None
        size, kind = blob.get("size"), blob.get("mimeType")
        if cid is None or digest is None or not isinstance(size, int) or not isinstance(kind, str):
            continue
        kind = shorten(clean(kind), 100)
        name = f"{'video' if 'video' in holder else 'image'}-{len(attached) + 1}{mimetypes.guess_extension(kind) or ''}"
        alt = holder.get("alt")
        attached.append(
            File(cid, name, kind, max(size, 0), digest, clean(alt) if isinstance(alt, str) and alt else None)
        )
    return attached[:MAX_FILES]


def _cid(reference: object) -> str | None:
    """The text form of a link, which is bytes in the stream and `$link` in JSON."""
    if isinstance(reference, bytes):
        return name_of(reference)
    link = _map(reference).get("$link")
    return link if isinstance(link, str) else None


def sha256_of(cid: str) -> str | None:
    """The SHA-256 in a CID of raw bytes; None for a CID of another kind."""
    try:
        raw: bytes = libipld.decode_multibase(cid)[1]
    except Exception:  # noqa: BLE001 - whatever it is, it is not such a CID
        return None
    return raw[4:].hex() if raw.startswith(_RAW_SHA256) and len(raw) == 36 else None


def name_of(cid: object) -> str:
    """The text form of a CID. Raises when it is no CID."""
    return str(libipld.encode_cid(cid)) if isinstance(cid, bytes) else str(cid)


def time(value: object) -> datetime | None:
    """A time in a record, in UTC; None when it is no time."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def plain(value: Any) -> Any:
    """An IPLD value as JSON: links as `$link`, other bytes as hexadecimal `$bytes`, text that PostgreSQL can store."""
    if isinstance(value, dict):
        return {clean(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        try:
            return {"$link": name_of(value)}
        except Exception:  # noqa: BLE001 - not a CID
            return {"$bytes": value.hex()}
    return clean(value) if isinstance(value, str) else value


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
