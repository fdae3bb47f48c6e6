"""Escalations: what happened to work that waited long or could not stay."""

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

# `kind`: `step` (with its number), `overflow`, `moved`.
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
