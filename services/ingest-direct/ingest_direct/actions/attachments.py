"""Uploaded files."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.interactions import Attachment
from antiphon.http.problems import ErrorPlace, invalid, not_found
from antiphon.postgres.query import AnyRow
from ingest_direct import store
from ingest_direct.actions.permissions import may_see


async def keep(
    tx: AsyncConnection, *, source: str, filename: str, media_type: str, content: bytes, now: datetime
) -> Attachment:
    """Keeps an uploaded file until an interaction uses it."""
    attachment = Attachment(
        attachment_id=uuid4(),
        filename=filename,
        media_type=media_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    await store.attachments.add(tx, attachment, source=source, content=content, now=now)
    return attachment


async def get(connection: AsyncConnection, attachment_id: UUID, who: Identity) -> AnyRow:
    """The file. Raises Problem 404, also for one that the caller may not see."""
    row = await store.attachments.get(connection, attachment_id)
    if row is None or not may_see(who, row.source):
        raise not_found("attachment")
    return row


def require_all(wanted: Sequence[UUID], used: Sequence[Attachment]) -> None:
    """Raises Problem 422 with the place of each wanted file that could not be used."""
    missing = set(wanted) - {attachment.attachment_id for attachment in used}
    if missing:
        places = [
            ErrorPlace(pointer=f"/attachments/{place}", detail="is not an unused upload of yours")
            for place, attachment_id in enumerate(wanted)
            if attachment_id in missing
        ]
        raise invalid(*places)
