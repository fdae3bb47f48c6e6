"""Surges, each of a queue or of a label."""

from sqlalchemy import (
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from antiphon.postgres.personal_data import personal
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
