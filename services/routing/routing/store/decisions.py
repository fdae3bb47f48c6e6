"""Decisions: the verdict of the rules on a case, with the context that they read."""

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from antiphon.postgres.personal_data import personal
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
