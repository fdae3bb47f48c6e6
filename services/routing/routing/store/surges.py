"""Surges, each of a queue or of a label."""

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, Float, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

SURGE = Table(
    "surge",
    METADATA,
    Column("surge_id", Uuid, primary_key=True),
    Column("queue", Text),
    Column("label", Text),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("arrived", Integer, nullable=False),
    Column("expected", Float, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("surge_one_a_queue_key", "queue", unique=True, postgresql_where=text("ended_at is null")),
    Index("surge_one_a_label_key", "label", unique=True, postgresql_where=text("ended_at is null")),
    info=personal(none=["queue", "label"]),
)


async def ongoing(tx: AsyncConnection) -> Sequence[AnyRow]:
    """The surges that have not ended."""
    return (await tx.execute(select(SURGE).where(SURGE.c.ended_at.is_(None)))).all()
