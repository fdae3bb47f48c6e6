"""The newest state that a person set each queue to: who, when and why."""

from sqlalchemy import (
    Column,
    DateTime,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from antiphon.postgres.personal_data import personal
from routing.store.base import METADATA

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
