"""The newest state that a person set each queue to: who, when and why."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Column, DateTime, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA, upsert

QUEUE_STATE = Table(
    "queue_state",
    METADATA,
    Column("queue", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("by", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    info=personal(
        none=["queue", "state", "reason"],
        staff=["by"],
    ),
)


async def get(tx: AsyncConnection, queue: str) -> AnyRow | None:
    """The state of a queue as people set it last; None when nobody ever did."""
    return (await tx.execute(select(QUEUE_STATE).where(QUEUE_STATE.c.queue == queue))).one_or_none()


async def put(
    tx: AsyncConnection, queue: str, state: str, by: Mapping[str, object], reason: str, now: datetime
) -> None:
    """Writes the state of a queue as people set it now."""
    row = {"queue": queue, "state": state, "since": now, "by": by, "reason": reason}
    await upsert(tx, QUEUE_STATE, [row])
