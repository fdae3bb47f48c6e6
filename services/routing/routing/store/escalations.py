"""Escalations: steps, overflows and moves of waiting work."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text, Uuid, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

# `kind` is an EscalationKind; a `step` has its number.
ESCALATION = Table(
    "escalation",
    METADATA,
    Column("escalation_id", BigInteger, Identity(), primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("step", Integer),
    Column("what", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("escalation_work_item_id_ix", "work_item_id"),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["what"]},
        none=["kind"],
    ),
)


async def of_work(tx: AsyncConnection, work_item_id: UUID) -> Sequence[AnyRow]:
    """What happened to a work item since it was queued, the first first."""
    query = select(ESCALATION).where(ESCALATION.c.work_item_id == work_item_id)
    return (await tx.execute(query.order_by(ESCALATION.c.escalation_id))).all()
