"""How people set queues: the newest state of each, who, when and why."""

from sqlalchemy import (
    Column,
    DateTime,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from antiphon.postgres.personal_data import personal
from routing.store.base import METADATA

# The newest state of each queue that anybody ever set: who, when and why.
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
