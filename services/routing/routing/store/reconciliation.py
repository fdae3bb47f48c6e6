"""The reconciliation: its progress, and its findings."""

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from antiphon.postgres.personal_data import personal
from routing.store.base import METADATA

RECONCILIATION = Table(
    "reconciliation",
    METADATA,
    Column("id", SmallInteger, primary_key=True),
    Column("after", Uuid, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("checked", Integer, nullable=False),
    Column("last_began_at", DateTime(timezone=True)),
    Column("last_ended_at", DateTime(timezone=True)),
    Column("last_checked", Integer),
)


FINDING = Table(
    "finding",
    METADATA,
    Column("finding_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("work_item_id", Uuid),
    Column("detail", Text, nullable=False),
    Column("repair", Text),  # how it was repaired; null: it could not be
    Column("at", DateTime(timezone=True), nullable=False),
    Index("finding_at_ix", text("at desc"), text("finding_id desc")),
    info=personal(
        none=["kind", "repair"],
        staff=["detail"],
    ),
)
