"""Decisions: the verdict of the rules on a case, with the context that they read."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

DECISION = Table(
    "decision",
    METADATA,
    Column("decision_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    Column("trace", JSONB, nullable=False),
    Column("outcome", JSONB),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("shadow", JSONB),
    Index("decision_work_item_id_ix", "work_item_id"),
    Index("decision_at_ix", text("at desc"), text("decision_id desc")),
    Index("decision_shadow_ix", text("(shadow ->> 'shadow_id')"), text("at desc"), text("decision_id desc"),
          postgresql_where=text("shadow is not null")),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["context", "trace", "outcome", "shadow"]},
        none=["rule", "reason"],
    ),
)  # fmt: skip


async def get(tx: AsyncConnection, decision_id: UUID) -> AnyRow:
    """A decision, which there must be."""
    return (await tx.execute(select(DECISION).where(DECISION.c.decision_id == decision_id))).one()


BY_TIME = KeysetPage(DECISION.c.at, DECISION.c.decision_id)


async def differing(tx: AsyncConnection, shadow_id: UUID, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_TIME of the decisions that a shadow would have made otherwise. Raises Problem 400."""
    query = select(DECISION).where(
        DECISION.c.shadow.is_not(None),
        DECISION.c.shadow["shadow_id"].astext == str(shadow_id),
        DECISION.c.shadow["differs"].astext != "[]",
    )
    return (await tx.execute(BY_TIME.after(query, cursor, limit))).all()
