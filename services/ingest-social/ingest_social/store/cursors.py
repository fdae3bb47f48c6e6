"""How far the stream of each account was read."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, DateTime, Table, Text, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from ingest_social.store.base import METADATA

STREAM_CURSOR = Table(
    "stream_cursor",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("happened_at", DateTime(timezone=True)),
    info=personal(none=["network", "account", "position"]),
)


async def find_cursor(tx: AsyncConnection, network: str, account: str) -> AnyRow | None:
    """How far the stream of an account was read: position, updated_at, happened_at."""
    query = text(
        "select position, updated_at, happened_at from stream_cursor where network = :network and account = :account"
    )
    return (await tx.execute(query, {"network": network, "account": account})).one_or_none()


async def list_cursors(connection: AsyncConnection) -> Sequence[AnyRow]:
    """How far the stream of each account was read."""
    return (await connection.execute(select(STREAM_CURSOR))).all()


async def move_cursor(
    tx: AsyncConnection, network: str, account: str, expected: str | None, reached: str, *, now: datetime,
    happened_at: datetime | None,
) -> bool:  # fmt: skip
    """Moves the cursor by compare-and-set, in the transaction of the changes. False when another process moved it."""
    parameters = {
        "network": network, "account": account, "reached": reached, "now": now, "happened_at": happened_at,
    }  # fmt: skip
    if expected is None:
        moved = await tx.execute(
            text(
                "insert into stream_cursor (network, account, position, updated_at, happened_at) "
                "values (:network, :account, :reached, :now, :happened_at) on conflict do nothing"
            ),
            parameters,
        )
    else:
        moved = await tx.execute(
            text(
                "update stream_cursor set position = :reached, updated_at = :now, "
                "happened_at = coalesce(cast(:happened_at as timestamptz), happened_at) "
                "where network = :network and account = :account and position = :expected"
            ),
            parameters | {"expected": expected},
        )
    return moved.rowcount == 1
