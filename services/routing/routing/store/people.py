"""People: until when the changes that the organisation's document says of them were applied."""

from datetime import datetime

from sqlalchemy import Column, DateTime, SmallInteger, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from routing.store.base import METADATA, upsert

# One row. Who changes it has the timer `people`.
PEOPLE_APPLIED = Table(
    "people_applied",
    METADATA,
    Column("id", SmallInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)


async def applied_at(tx: AsyncConnection) -> datetime | None:
    """Returns up to which time changes were applied; None before the first version."""
    return await tx.scalar(select(PEOPLE_APPLIED.c.at))


async def set_applied(tx: AsyncConnection, at: datetime) -> None:
    """Records that the changes up to this time were applied."""
    await upsert(tx, PEOPLE_APPLIED, [{"id": 1, "at": at}])
