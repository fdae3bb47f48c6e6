"""Reads frames of `com.atproto.sync.subscribeRepos`: the changes that concern our account. Pure."""

from datetime import datetime
from typing import Any, NamedTuple

import libipld

from ingest_social.bluesky import records
from ingest_social.bluesky.records import POST, Origin, Us
from ingest_social.network import Change, Deleted, Edited, Unreadable

_DELETED = {"deleted", "takendown"}


class Frame(NamedTuple):
    """What a frame states. `seq` is its number in the stream; None when it has none. `info` is a message of the stream itself.

    `look_up` is an author whose posts may have changed in a way that the frame does not show. `renamed` is an author whose
    handle may have changed. `reached` is an author and the revision that their repository has now.
    """

    seq: int | None
    at: datetime | None
    changes: list[Change]
    info: str | None = None
    look_up: str | None = None
    renamed: str | None = None
    reached: tuple[str, str] | None = None


def read(frame: bytes, us: Us, now: datetime) -> Frame:
    """Reads a frame. One that can't be read is an Unreadable change; nothing is raised."""
    try:
        header, body = libipld.decode_dag_cbor_multi(frame)
        return _read(header, body, us, now)
    except Exception as error:  # noqa: BLE001 - hostile bytes fail in many ways, and the frame is kept whole
        return Frame(None, None, [Unreadable(frame, f"{type(error).__name__}: {error}")])


def _read(header: dict[str, Any], body: dict[str, Any], us: Us, now: datetime) -> Frame:
    if header["op"] == -1:
        return Frame(None, None, [], info=str(body.get("error", "error")))
    kind = header["t"]
    if kind == "#info":
        return Frame(None, None, [], info=str(body.get("name")))
    seq = int(body["seq"])
    at = records.time(body.get("time")) or now
    who = str(body["repo"] if kind == "#commit" else body.get("did"))
    if who == us.did:
        return Frame(seq, at, [])
    # The frame of a commit that is too big, or of a repository that was repaired, does not have the changes.
    look_up = who if kind == "#sync" or (kind == "#commit" and body.get("tooBig")) else None
    renamed = who if kind == "#identity" else None
    changes: list[Change] = []
    if kind == "#commit" and not look_up:
        changes = _commit(body, us, at)
    if kind == "#account" and body.get("active") is False and body.get("status") in _DELETED:
        changes = [Deleted(None, who, None, at)]
    reached = (who, str(body.get("rev"))) if kind in {"#commit", "#sync"} else None
    return Frame(seq, at, changes, look_up=look_up, renamed=renamed, reached=reached)


def _commit(body: dict[str, Any], us: Us, at: datetime) -> list[Change]:
    posts = [op for op in body["ops"] if str(op["path"]).startswith(f"{POST}/")]
    if not posts:
        return []
    author, order, raw = str(body["repo"]), str(body["rev"]), bytes(body["blocks"])
    changes: list[Change] = []
    for op in posts:
        uri = f"at://{author}/{op['path']}"
        if op["action"] == "delete":
            changes.append(Deleted(uri, author, order, at))
            continue
        try:
            record = libipld.decode_car(raw)[1][op["cid"]]
            origin = Origin(uri, records.name_of(op["cid"]), author, order, at)
            changes += of_record(origin, record, us, update=op["action"] == "update")
        except Exception as error:  # noqa: BLE001 - the other records of the commit can still be read
            changes.append(Unreadable(raw, f"{uri}: {type(error).__name__}: {error}"))
    return changes


def of_record(origin: Origin, record: dict[str, Any], us: Us, *, update: bool) -> list[Change]:
    """A post as a change, if it concerns us. An update is always a change, since we may have the post."""
    concerns = records.concerns(record, us)
    if update:
        return [Edited(records.post(origin, record), concerns)]
    return [records.post(origin, record)] if concerns else []
