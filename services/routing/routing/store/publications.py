"""Publications of drafts that need approval, begin later, have a rollout or end again."""

from collections.abc import Sequence

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

PUBLICATION = Table(
    "publication",
    METADATA,
    Column("publication_id", Uuid, primary_key=True),
    Column("draft_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("trial_id", Uuid),
    Column("authors", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("approved_at", DateTime(timezone=True)),
    Column("approved_by", Text),
    Column("approved_why", Text),
    Column("begins_at", DateTime(timezone=True)),
    Column("rollout", Integer, nullable=False),
    Column("widens_at", DateTime(timezone=True)),
    Column("ends_at", DateTime(timezone=True)),
    Column("version", Integer),
    Column("restores", Integer),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("ended_why", Text),
    Index("publication_list_ix", text("asked_at desc"), text("publication_id desc")),
    Index("publication_draft_ix", "draft_id"),
    info=personal(
        none=["why", "state", "approved_why", "ended_why"],
        staff=["source", "authors", "asked_by", "approved_by", "ended_by"],
    ),
)


BY_REQUEST = KeysetPage(PUBLICATION.c.asked_at, PUBLICATION.c.publication_id)


async def newest(tx: AsyncConnection, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_REQUEST of all publications. Raises Problem 400 for a cursor that is none."""
    return (await tx.execute(BY_REQUEST.after(select(PUBLICATION), cursor, limit))).all()
