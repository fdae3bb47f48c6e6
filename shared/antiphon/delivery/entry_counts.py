"""Counts of an entry point: every delivery is one row, so received = interactions + duplicates + quarantined."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData, Table, Text, Uuid, func, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import SEARCH, personal
from antiphon.postgres.writes import Writes, insert_rows


class Outcome(StrEnum):
    """The outcome of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


class EntryCounts(BaseModel):
    """How many deliveries came in, by outcome. `received` is always the sum of the others."""

    received: int = Field(description="All deliveries.")
    interactions: int = Field(description="Deliveries that became an interaction.")
    duplicates: int = Field(description="Deliveries of an interaction that the service had already.")
    quarantined: int = Field(
        description="Deliveries that the service could not read or take; each has a reason."
    )


def delivery_table(of: MetaData) -> Table:
    """Adds the table of deliveries to an ingest service's metadata."""
    return Table(
        "delivery",
        of,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("interaction_id", Uuid),
        Column("outcome", Text, nullable=False),
        Column("reason", Text),
        Column("via", Text, nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("delivery_outcome_ix", "outcome"),
        Index("delivery_interaction_id_ix", "interaction_id"),
        info=personal(
            by={SEARCH: ["reason"]},
            none=["outcome", "via"],
        ),
    )


_TABLE = delivery_table(MetaData())


def put(writes: Writes, deliveries: Sequence[Mapping[str, Any]]) -> None:
    """Adds deliveries (interaction_id, outcome, reason, via)."""
    writes.insert(_TABLE, deliveries)


async def insert(tx: AsyncConnection, deliveries: Sequence[Mapping[str, Any]]) -> None:
    """`put`, in a statement of its own."""
    await insert_rows(tx, _TABLE, deliveries)


async def read(connection: AsyncConnection) -> EntryCounts:
    """The counts as of now."""
    rows = await connection.execute(text("select outcome, count(*) as n from delivery group by outcome"))
    counts: dict[str, int] = {row.outcome: row.n for row in rows}
    return EntryCounts(
        received=sum(counts.values()),
        interactions=counts.get(Outcome.ACCEPTED, 0),
        duplicates=counts.get(Outcome.DUPLICATE, 0),
        quarantined=counts.get(Outcome.QUARANTINED, 0),
    )
