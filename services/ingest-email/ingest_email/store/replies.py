"""The mails in which replies leave."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.writes import Writes
from ingest_email.domain.compose import Composed
from ingest_email.store.base import METADATA, OUTGOING

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


def put_outgoing_mails(writes: Writes, mails: Mapping[UUID, Composed]) -> None:
    """Keeps what is to be handed over, by the ids of the replies."""
    rows = [{"reply_id": reply_id, **mail._asdict()} for reply_id, mail in mails.items()]
    writes.insert(OUTGOING_MAIL, rows)


async def find_outgoing_mail(tx: AsyncConnection, reply_id: UUID) -> Composed:
    """What is handed over for a reply. Raises NoResultFound for one that was never composed."""
    columns = [OUTGOING_MAIL.c[name] for name in Composed._fields]
    row = (await tx.execute(select(*columns).where(OUTGOING_MAIL.c.reply_id == reply_id))).one()
    return Composed(*row)


async def find_recipient(connection: AsyncConnection, reply_id: UUID) -> str | None:
    """To whom a reply goes; None for one that was never composed."""
    query = select(OUTGOING_MAIL.c.recipient).where(OUTGOING_MAIL.c.reply_id == reply_id)
    return await connection.scalar(query)


async def find_reply(tx: AsyncConnection, message_id: str) -> UUID | None:
    """Which reply has this Message-ID."""
    query = select(OUTGOING_MAIL.c.reply_id).where(OUTGOING_MAIL.c.message_id == message_id)
    return await tx.scalar(query)
