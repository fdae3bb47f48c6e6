"""Drafts of the configuration."""

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
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


BY_CHANGE = KeysetPage(DRAFT.c.changed_at, DRAFT.c.draft_id)


async def newest(tx: AsyncConnection, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_CHANGE of all drafts. Raises Problem 400 for a cursor that is none."""
    return (await tx.execute(BY_CHANGE.after(select(DRAFT), cursor, limit))).all()
