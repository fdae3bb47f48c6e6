"""Drafts of the configuration."""

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
from sqlalchemy.dialects.postgresql import ARRAY

from antiphon.postgres.personal_data import personal
from routing.store.base import METADATA

DRAFT = Table(
    "draft",
    METADATA,
    Column("draft_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("authors", ARRAY(Text), nullable=False),
    Column("version", Integer),
    Index("draft_list_ix", text("changed_at desc"), text("draft_id desc")),
    info=personal(
        none=["name", "why", "state"],
        staff=["source", "created_by", "changed_by", "authors"],
    ),
)
