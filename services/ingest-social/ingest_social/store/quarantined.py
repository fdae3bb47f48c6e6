"""What a network sent and nobody can read: whole, for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import SEARCH, personal
from antiphon.postgres.writes import insert_rows
from ingest_social.store.base import METADATA

QUARANTINED = Table(
    "quarantined",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("network", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("quarantined_at", DateTime(timezone=True), nullable=False),
    info=personal(
        by={SEARCH: ["raw", "reason"]},
        none=["network", "account"],
    ),
)


async def add_quarantined(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps deliveries that can't be read."""
    await insert_rows(tx, QUARANTINED, rows)
