"""Shadows: drafts that decide every case beside the active version, without effect."""

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

# At most one runs at a time, until `ends_at` at the latest.
SHADOW = Table(
    "shadow",
    METADATA,
    Column("shadow_id", Uuid, primary_key=True),
    Column("draft_id", Uuid, nullable=False),
    Column("draft_revision", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("began_by", Text, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Index("shadow_one_key", text("(true)"), unique=True, postgresql_where=text("ended_at is null")),
    Index("shadow_list_ix", text("began_at desc"), text("shadow_id desc")),
    info=personal(
        none=["why"],
        staff=["source", "began_by", "ended_by"],
    ),
)


BY_BEGIN = KeysetPage(SHADOW.c.began_at, SHADOW.c.shadow_id)


async def newest(tx: AsyncConnection, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_BEGIN of all shadows. Raises Problem 400 for a cursor that is none."""
    return (await tx.execute(BY_BEGIN.after(select(SHADOW), cursor, limit))).all()
