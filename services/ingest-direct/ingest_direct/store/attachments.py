"""Uploaded files, which an interaction uses once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.interactions import Attachment
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from ingest_direct.store.base import METADATA

ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("uploaded_at", DateTime(timezone=True), nullable=False),
    Column("interaction_id", Uuid),
    Index("attachment_unused_ix", "uploaded_at", postgresql_where=text("interaction_id is null")),
    info=personal(
        by={"interaction_id": ["filename", "sha256", "content"]},
        none=["media_type"],
        staff=["source"],
    ),
)


async def add(
    tx: AsyncConnection, attachment: Attachment, *, source: str, content: bytes, now: datetime
) -> None:
    """Adds a file that no interaction uses yet."""
    await tx.execute(
        insert(ATTACHMENT).values(**attachment.model_dump(), source=source, content=content, uploaded_at=now)
    )


async def get(connection: AsyncConnection, attachment_id: UUID) -> AnyRow | None:
    """The file with its content and its source."""
    rows = await connection.execute(select(ATTACHMENT).where(ATTACHMENT.c.attachment_id == attachment_id))
    return rows.one_or_none()


async def use(
    tx: AsyncConnection, source: str, ids: Sequence[UUID], interaction_id: UUID
) -> list[Attachment]:
    """Gives unused files of `source` to the interaction, and returns them. Others are absent."""
    c = ATTACHMENT.c
    used = await tx.execute(
        update(ATTACHMENT)
        .where(c.attachment_id.in_(ids), c.source == source, c.interaction_id.is_(None))
        .values(interaction_id=interaction_id)
        .returning(c.attachment_id, c.filename, c.media_type, c.size_bytes, c.sha256)
    )
    return [Attachment.model_validate(row, from_attributes=True) for row in used]


async def delete_unused(tx: AsyncConnection, age: timedelta) -> None:
    """Deletes files that no interaction used within `age` of their upload."""
    await tx.execute(
        ATTACHMENT.delete().where(
            ATTACHMENT.c.interaction_id.is_(None), ATTACHMENT.c.uploaded_at < func.now() - age
        )
    )
