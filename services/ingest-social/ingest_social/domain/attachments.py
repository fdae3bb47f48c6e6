"""Decides what becomes of a file of a post after an attempt to fetch it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttachmentState(StrEnum):
    """The state of a file: still to be fetched, fetched, or not to be had."""

    WAITING = "waiting"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True)
class FetchResult:
    """The state of a file after an attempt: its bytes when they are kept, else the reason; when it is fetched again."""

    state: AttachmentState
    reason: str | None = None
    data: bytes | None = None
    sha256: str | None = None
    next_attempt_at: datetime | None = None


def received(data: bytes, stated_sha256: str | None) -> FetchResult:
    """Keeps the bytes, unless the network stated another SHA-256 for them."""
    sha256 = hashlib.sha256(data).hexdigest()
    if stated_sha256 not in {None, sha256}:
        return FetchResult(AttachmentState.REFUSED, "the bytes are not those that the post names")
    return FetchResult(AttachmentState.KEPT, data=data, sha256=sha256)
