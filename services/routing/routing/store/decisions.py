"""Decisions: the verdict of the rules on a case, with the context that they read for as long as its words are kept."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

_MOST_OF_WORK = 50

# A redecision has the values of the work `before`, and `after` unless only a shadow would have changed it. The words of
# `interaction_ids` are in the context while `has_words`; `case_revision` is that of the event which carried them.
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
    Column("before", JSONB),
    Column("after", JSONB),
    Column("interaction_ids", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("case_revision", Integer, nullable=False, server_default="0"),
    Column("has_words", Boolean, nullable=False, server_default=text("true")),
    Index("decision_work_item_id_ix", "work_item_id"),
    Index("decision_at_ix", text("at desc"), text("decision_id desc")),
    Index("decision_shadow_ix", text("(shadow ->> 'shadow_id')"), text("at desc"), text("decision_id desc"),
          postgresql_where=text("shadow is not null")),
    Index("decision_words_ix", "case_id", postgresql_where=text("has_words")),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["context", "trace", "outcome", "shadow", "before", "after"]},
        none=["rule", "reason"],
    ),
)  # fmt: skip


async def get(tx: AsyncConnection, decision_id: UUID) -> AnyRow:
    """A decision, which there must be."""
    return (await tx.execute(select(DECISION).where(DECISION.c.decision_id == decision_id))).one()


async def of_work(tx: AsyncConnection, work_item_id: UUID) -> Sequence[AnyRow]:
    """The newest 50 decisions that changed a work item, without what they were made on; the first first."""
    d = DECISION.c
    columns = (d.decision_id, d.version, d.rule, d.reason, d.at, d.before, d.after)
    query = select(*columns).where(
        d.work_item_id == work_item_id, or_(d.before.is_(None), d.after.is_not(None))
    )
    newest = query.order_by(d.at.desc(), d.case_revision.desc()).limit(_MOST_OF_WORK)
    return (await tx.execute(newest)).all()[::-1]


BY_TIME = KeysetPage(DECISION.c.at, DECISION.c.decision_id)


async def differing(tx: AsyncConnection, shadow_id: UUID, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_TIME of the decisions that a shadow would have made otherwise. Raises Problem 400."""
    query = select(DECISION).where(
        DECISION.c.shadow.is_not(None),
        DECISION.c.shadow["shadow_id"].astext == str(shadow_id),
        DECISION.c.shadow["differs"].astext != "[]",
    )
    return (await tx.execute(BY_TIME.after(query, cursor, limit))).all()
