"""Escalations: steps, overflows and moves of waiting work."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
)

from antiphon.postgres.personal_data import personal
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
