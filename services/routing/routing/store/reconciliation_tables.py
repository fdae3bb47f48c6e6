"""Tables of the reconciliation: how far it has come, and what it found."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.schema import SchemaItem

from antiphon.postgres.personal_data import personal


def awaiting_columns() -> list[SchemaItem]:
    """Of a case that was heard of: whether it awaits an answer (by index), and why nobody is to work on it all the same.

    `asked_revision` is the newest at which somebody was asked to answer: what asks after it is new to who dismissed its work.
    `reference` and `customer_id` are what a work item is made anew from when all else is lost.
    """
    return [
        Column("awaits", Boolean, nullable=False, server_default=text("false")),
        Column("set_aside", Text),
        Column("asked_revision", Integer, nullable=False, server_default="0"),
        Column("reference", Text),
        Column("customer_id", Uuid),
        Index("case_seen_awaits_ix", "case_id", postgresql_where=text("awaits")),
    ]


def reconciliation_tables(of: MetaData) -> tuple[Table, Table]:
    """Adds them: the one row of how far it has come, and the findings."""
    reconciliation = Table(
        "reconciliation",
        of,
        Column("id", SmallInteger, primary_key=True),
        Column("after", Uuid, nullable=False),
        Column("began_at", DateTime(timezone=True), nullable=False),
        Column("checked", Integer, nullable=False),
        Column("last_began_at", DateTime(timezone=True)),
        Column("last_ended_at", DateTime(timezone=True)),
        Column("last_checked", Integer),
    )
    finding = Table(
        "finding",
        of,
        Column("finding_id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("case_id", Uuid, nullable=False),
        Column("work_item_id", Uuid),
        Column("detail", Text, nullable=False),
        Column("mended", Text),  # how; null: it could not be
        Column("at", DateTime(timezone=True), nullable=False),
        Index("finding_at_ix", text("at desc"), text("finding_id desc")),
        info=personal(
            none=["kind", "mended"],
            staff=["detail"],
        ),
    )
    return reconciliation, finding
