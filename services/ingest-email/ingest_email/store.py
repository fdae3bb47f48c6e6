"""Tables and queries of ingest-email: mails with their raw bytes, attachments, cursors, and what is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    bindparam,
    insert,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.delivery.store import delivery_tables
from antiphon.entry_counts import delivery_table
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from ingest_email.domain.compose import Composed

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)
OUTGOING = delivery_tables(METADATA)

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
IMAP_CURSOR = Table(
    "imap_cursor",
    METADATA,
    Column("mailbox", Text, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    info=personal(none=["mailbox"]),
)
# What is handed over for a reply: the same bytes at every attempt.
OUTGOING_MAIL = Table(
    "outgoing_mail",
    METADATA,
    Column("reply_id", Uuid, ForeignKey(OUTGOING.outgoing_reply.c.reply_id), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("envelope_from", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("outgoing_mail_message_id_key", "message_id", unique=True),
    info=personal(
        by={
            "reply_id -> outgoing_reply.request.answers": ["message_id", "envelope_from", "recipient", "raw"]
        },
    ),
)

_VIEW = [column for column in MAIL.c if column.name != "raw"]
_ANSWERED = text(
    """
    select interaction_id, message_id, sender, sender_name, subject, mail_references, automation,
        interaction -> 'return_path' ->> 'value' as return_path,
        interaction -> 'content' ->> 'text' as words, interaction ->> 'occurred_at' as written_at
    from mail where interaction_id = any(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))


async def add_mail(tx: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Keeps a mail; False when it is there already."""
    done = await tx.execute(
        upsert(MAIL).values(**row).on_conflict_do_nothing().returning(MAIL.c.interaction_id)
    )
    return done.first() is not None


async def add_attachments(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the files of a mail, in one statement."""
    if rows:
        await tx.execute(insert(ATTACHMENT).values(list(rows)))


async def answered_mails(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """What a reply needs to know of the mails that are answered."""
    return {row.interaction_id: row for row in await tx.execute(_ANSWERED, {"ids": list(ids)})}


def put_outgoing_mails(writes: Writes, mails: Mapping[UUID, Composed]) -> None:
    """Keeps what is to be handed over, by the ids of the replies."""
    rows = [{"reply_id": reply_id, **mail._asdict()} for reply_id, mail in mails.items()]
    writes.insert(OUTGOING_MAIL, rows)


async def outgoing_mail(tx: AsyncConnection, reply_id: UUID) -> Composed:
    """What is handed over for a reply. Raises NoResultFound for one that was never composed."""
    columns = [OUTGOING_MAIL.c[name] for name in Composed._fields]
    row = (await tx.execute(select(*columns).where(OUTGOING_MAIL.c.reply_id == reply_id))).one()
    return Composed(*row)


async def recipient(connection: AsyncConnection, reply_id: UUID) -> str | None:
    """To whom a reply goes; None for one that was never composed."""
    query = select(OUTGOING_MAIL.c.recipient).where(OUTGOING_MAIL.c.reply_id == reply_id)
    return await connection.scalar(query)


async def reply_of(tx: AsyncConnection, message_id: str) -> UUID | None:
    """Which reply has this Message-ID."""
    query = select(OUTGOING_MAIL.c.reply_id).where(OUTGOING_MAIL.c.message_id == message_id)
    return await tx.scalar(query)


async def cursor(tx: AsyncConnection, mailbox: str) -> AnyRow | None:
    """How far a mailbox was read."""
    return (await tx.execute(select(IMAP_CURSOR).where(IMAP_CURSOR.c.mailbox == mailbox))).first()


async def move_cursor(
    tx: AsyncConnection, mailbox: str, uidvalidity: int, last_uid: int, now: datetime
) -> None:
    """Notes how far a mailbox was read."""
    row = {"uidvalidity": uidvalidity, "last_uid": last_uid, "updated_at": now}
    await tx.execute(
        upsert(IMAP_CURSOR)
        .values(mailbox=mailbox, **row)
        .on_conflict_do_update(index_elements=["mailbox"], set_=row)
    )


async def mails(
    connection: AsyncConnection,
    *,
    automation: str | None,
    with_defects: bool | None,
    since: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[AnyRow]:
    """Mails, newest first, without their bytes."""
    query = select(*_VIEW).order_by(MAIL.c.received_at.desc(), MAIL.c.interaction_id.desc()).limit(limit)
    if automation is not None:
        query = query.where(MAIL.c.automation == automation)
    if with_defects is not None:
        query = query.where(MAIL.c.defects != [] if with_defects else MAIL.c.defects == [])
    if since is not None:
        query = query.where(MAIL.c.received_at >= since)
    if after is not None:
        query = query.where(tuple_(MAIL.c.received_at, MAIL.c.interaction_id) < after)
    return (await connection.execute(query)).all()


async def mail(connection: AsyncConnection, interaction_id: UUID) -> AnyRow | None:
    """One mail without its bytes."""
    return (await connection.execute(select(*_VIEW).where(MAIL.c.interaction_id == interaction_id))).first()


async def raw_mail(connection: AsyncConnection, interaction_id: UUID) -> bytes | None:
    """The bytes of a mail as they came."""
    return await connection.scalar(select(MAIL.c.raw).where(MAIL.c.interaction_id == interaction_id))


async def attachment(connection: AsyncConnection, attachment_id: UUID) -> AnyRow | None:
    """A file with its bytes."""
    return (
        await connection.execute(select(ATTACHMENT).where(ATTACHMENT.c.attachment_id == attachment_id))
    ).first()
