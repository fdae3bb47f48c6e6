"""How far each IMAP mailbox was read."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from ingest_email.store.base import METADATA

IMAP_CURSOR = Table(
    "imap_cursor",
    METADATA,
    Column("mailbox", Text, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    info=personal(none=["mailbox"]),
)


async def find_cursor(tx: AsyncConnection, mailbox: str) -> AnyRow | None:
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
