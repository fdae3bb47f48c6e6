"""Files that came with mails."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from ingest_email.store.base import METADATA

ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, ForeignKey("mail.interaction_id"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content_id", Text),
    Column("sha256", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("attachment_interaction_id_ix", "interaction_id"),
    info=personal(
        by={"interaction_id": ["filename", "content_id", "sha256", "data"]},
        none=["media_type"],
    ),
)


async def add_attachments(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the files of a mail, in one statement."""
    if rows:
        await tx.execute(insert(ATTACHMENT).values(list(rows)))


async def find_attachment(connection: AsyncConnection, attachment_id: UUID) -> AnyRow | None:
    """A file with its bytes."""
    return (
        await connection.execute(select(ATTACHMENT).where(ATTACHMENT.c.attachment_id == attachment_id))
    ).first()
