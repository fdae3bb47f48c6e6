"""Shadows: drafts that decide every case beside the active version, without effect."""

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

from antiphon.postgres.personal_data import personal
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
