"""Pure: frames of `com.atproto.sync.subscribeRepos` as changes that concern our account."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import libipld

from antiphon.text import clean
from ingest_social.network import Change, Edited, Said, TakenBack, Unreadable

POST = "app.bsky.feed.post"
SANE_PAST = timedelta(days=400)
SANE_FUTURE = timedelta(minutes=10)


class Read(NamedTuple):
    """A frame: its number in the stream (None when it has none), what changed, and what the stream says of itself."""

    seq: int | None
    changes: list[Change]
    info: str | None = None
    too_big: str | None = None


def read(frame: bytes, account: str, now: datetime) -> Read:
    """A frame as changes for `account` (a DID). What can't be read is Unreadable; nothing is raised."""
    try:
        header, body = libipld.decode_dag_cbor_multi(frame)
        return _read(header, body, account, now)
    except Exception as error:  # noqa: BLE001 - hostile bytes fail in many ways; the frame is kept whole
        return Read(None, [Unreadable(frame, f"{type(error).__name__}: {error}")])


def _read(header: dict[str, Any], body: dict[str, Any], account: str, now: datetime) -> Read:
    if header.get("op") != 1:
        return Read(None, [], info=str(body.get("error", "error")))
    kind, seq = header.get("t"), body.get("seq")
    if kind == "#info":
        return Read(None, [], info=str(body.get("name")))
    if kind == "#account" and body.get("active") is False and body.get("status") in {"deleted", "takendown"}:
        return Read(seq, [TakenBack(None, str(body["did"]), now)])
    if kind != "#commit" or body["repo"] == account:
        return Read(seq, [])
    repo = str(body["repo"])
    if body.get("tooBig"):
        return Read(seq, [], too_big=repo)
    blocks = libipld.decode_car(bytes(body["blocks"]))[1]
    changes: list[Change] = []
    for op in body["ops"]:
        collection, _, key = str(op["path"]).partition("/")
        if collection != POST:
            continue
        uri = f"at://{repo}/{POST}/{key}"
        if op["action"] == "delete":
            changes.append(TakenBack(uri, repo, now))
            continue
        cid = op["cid"]
        record = blocks.get(cid)
        if record is None:
            changes.append(Unreadable(bytes(body["blocks"]), f"{uri}: the record is not in its commit"))
            continue
        changes += of_record(uri, name_of(cid), repo, record, account, now, update=op["action"] == "update")
    return Read(seq, changes)


def name_of(cid: Any) -> str:
    """A CID in its text form."""
    return libipld.encode_cid(cid) if isinstance(cid, bytes) else str(cid)


def of_record(
    uri: str, cid: str, author: str, record: dict[str, Any], account: str, now: datetime, *, update: bool
) -> list[Change]:
    """A post as a change, if it concerns us; an update is told anyway, since it may be of a post that we have."""
    said = _said(uri, cid, author, record, now)
    concerns = _concerns(record, account)
    if update:
        return [Edited(uri, said, concerns)]
    return [said] if concerns else []


def _said(uri: str, cid: str, author: str, record: dict[str, Any], now: datetime) -> Said:
    defects: list[str] = []
    at = _time(record.get("createdAt"))
    if at is None or not now - SANE_PAST <= at <= now + SANE_FUTURE:
        defects.append("createdAt is missing or can't be true")
        at = None
    langs = record.get("langs")
    language = langs[0] if isinstance(langs, list) and langs and isinstance(langs[0], str) else None
    return Said(
        native_id=uri,
        revision=cid,
        author=author,
        text=clean(str(record.get("text", ""))),
        answers=_answers(record),
        language=language,
        said_at=at,
        seen_at=now,
        record=_plain(record),
        defects=defects,
    )


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _answers(record: dict[str, Any]) -> list[str]:
    """What it answers or quotes, nearest first."""
    reply = record.get("reply") or {}
    uris = [_uri(reply.get("parent")), _uri(reply.get("root")), _quoted(record)]
    return list(dict.fromkeys(uri for uri in uris if uri))


def _uri(reference: object) -> str | None:
    uri = reference.get("uri") if isinstance(reference, dict) else None
    return uri if isinstance(uri, str) else None


def _quoted(record: dict[str, Any]) -> str | None:
    embed = record.get("embed")
    if not isinstance(embed, dict):
        return None
    inner = embed.get("record")
    # recordWithMedia wraps the record once more
    return _uri(inner) or (_uri(inner.get("record")) if isinstance(inner, dict) else None)


def _concerns(record: dict[str, Any], account: str) -> bool:
    if any(uri.startswith(f"at://{account}/") for uri in _answers(record)):
        return True
    return any(
        isinstance(feature, dict) and feature.get("did") == account
        for facet in record.get("facets") or []
        if isinstance(facet, dict)
        for feature in facet.get("features") or []
    )


def _plain(value: Any) -> Any:
    """An IPLD value as JSON: bytes as text of their CID or length, text kept safe."""
    if isinstance(value, dict):
        return {clean(str(key)): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        try:
            return {"$link": libipld.encode_cid(value)}
        except Exception:  # noqa: BLE001 - not a CID
            return {"$bytes": value.hex()}
    return clean(value) if isinstance(value, str) else value
