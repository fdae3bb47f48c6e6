"""Mails: what was read in them, and their bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
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
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from ingest_email.store.base import METADATA

MAIL = Table(
    "mail",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("message_id", Text),
    Column("account", Text, nullable=False),
    Column("sender", Text),
    Column("sender_name", Text),
    Column("reply_to", ARRAY(Text), nullable=False),
    Column("subject", Text),
    Column("mail_references", ARRAY(Text), nullable=False),
    Column("automation", Text, nullable=False),
    Column("defects", ARRAY(Text), nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("interaction", JSONB, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("raw_sha256", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("mail_from", Text),
    Column("peer", Text),
    Column("helo", Text),
    Index("mail_received_at_ix", "received_at", "interaction_id"),
    Index("mail_automation_ix", "automation", "received_at", postgresql_where=text("automation <> 'none'")),
    Index("mail_defects_ix", "defects", postgresql_using="gin"),
    info=personal(
        by={
            "interaction_id": [
                "message_id",
                "sender",
                "sender_name",
                "reply_to",
                "subject",
                "mail_references",
                "headers",
                "interaction",
                "raw",
                "raw_sha256",
                "mail_from",
                "peer",
                "helo",
            ]
        },
        none=["account", "automation", "defects"],
    ),
)
NEWEST_FIRST = KeysetPage(MAIL.c.received_at, MAIL.c.interaction_id)

_VIEW = [column for column in MAIL.c if column.name != "raw"]
_ANSWERED = text(
    """
    select interaction_id, message_id, sender, sender_name, subject, mail_references, automation,
        interaction -> 'return_path' ->> 'value' as return_path,
        interaction -> 'content' ->> 'text' as text, interaction ->> 'occurred_at' as written_at
    from mail where interaction_id = any(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))


async def add_mail(tx: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Keeps a mail; False when it is there already."""
    done = await tx.execute(
        upsert(MAIL).values(**row).on_conflict_do_nothing().returning(MAIL.c.interaction_id)
    )
    return done.first() is not None


async def find_answered_mails(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """What a reply needs to know of the mails that are answered."""
    return {row.interaction_id: row for row in await tx.execute(_ANSWERED, {"ids": list(ids)})}


async def list_mails(
    connection: AsyncConnection,
    *,
    automation: str | None,
    with_defects: bool | None,
    since: datetime | None,
    cursor: str | None,
    limit: int,
) -> Sequence[AnyRow]:
    """The mails of a page and one more, the newest first, without their bytes. Raises Problem 400 for a bad cursor."""
    query = select(*_VIEW)
    if automation is not None:
        query = query.where(MAIL.c.automation == automation)
    if with_defects is not None:
        query = query.where(MAIL.c.defects != [] if with_defects else MAIL.c.defects == [])
    if since is not None:
        query = query.where(MAIL.c.received_at >= since)
    return (await connection.execute(NEWEST_FIRST.after(query, cursor, limit))).all()


async def find_mail(connection: AsyncConnection, interaction_id: UUID) -> AnyRow | None:
    """One mail without its bytes."""
    return (await connection.execute(select(*_VIEW).where(MAIL.c.interaction_id == interaction_id))).first()


async def find_raw_mail(connection: AsyncConnection, interaction_id: UUID) -> bytes | None:
    """The bytes of a mail as they came."""
    return await connection.scalar(select(MAIL.c.raw).where(MAIL.c.interaction_id == interaction_id))
