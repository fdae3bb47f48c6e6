"""The organisation's file as it was seen last."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, Table, Text, Uuid, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from routing.store.base import METADATA, upsert

# One row. `draft_id` is the draft that the file became, if it became one.
ORGANISATION_FILE = Table(
    "organisation_file",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    Column("draft_id", Uuid),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    info=personal(none=["sha256"]),
)


class SeenFile(NamedTuple):
    """The digest of the file, and the draft that it became."""

    sha256: str
    draft_id: UUID | None


async def seen(tx: AsyncConnection) -> SeenFile | None:
    """The file that was seen last; None before the first."""
    columns = ORGANISATION_FILE.c
    row = (await tx.execute(select(columns.sha256, columns.draft_id))).one_or_none()
    return None if row is None else SeenFile(row.sha256, row.draft_id)


async def keep(tx: AsyncConnection, file: SeenFile, now: datetime) -> None:
    """Keeps that this file was seen."""
    await upsert(tx, ORGANISATION_FILE, [{"id": 1, "seen_at": now, **file._asdict()}])
