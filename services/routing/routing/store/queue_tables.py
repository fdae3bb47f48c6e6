"""Tables of queues that people pause and close, and of what happened to work that waited long or could not stay."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.schema import SchemaItem

from antiphon.postgres.personal_data import personal


def step_columns() -> list[SchemaItem]:
    """How far a work item has come on its queue's steps.

    `step` it has passed, they count from `steps_from`, the next is due `next_step_at`; `steps_of` is the mark of the steps
    by which that was said. The members of `also_queues` are asked like those of its own;
    `overflow` is what the rules say of it. `decided_priority` is the highest that rules have said; `meant` is the queue to
    which words that came while an agent had it would have put it.
    """
    return [
        Column("step", Integer, nullable=False, server_default="0"),
        Column("steps_from", DateTime(timezone=True)),
        Column("next_step_at", DateTime(timezone=True)),
        Column("steps_of", Text),
        Column("also_queues", ARRAY(Text), nullable=False, server_default="{}"),
        Column("overflow", Text),
        Column("decided_priority", Integer, nullable=False, server_default="0"),
        Column("meant", JSONB),
        Index(
            "work_item_meant_ix",
            "work_item_id",
            postgresql_where=text("meant is not null and state in ('queued', 'offered')"),
        ),
    ]


def queue_tables(of: MetaData) -> tuple[Table, Table]:
    """Adds them: how queues were set, and the log of escalations."""
    # The newest state of each queue that anybody ever set: who, when and why.
    queue_state = Table(
        "queue_state",
        of,
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
    # `kind`: `step` (with its number), `overflow`, `moved`.
    escalation = Table(
        "escalation",
        of,
        Column("escalation_id", BigInteger, Identity(), primary_key=True),
        Column("work_item_id", Uuid, nullable=False),
        Column("kind", Text, nullable=False),
        Column("step", Integer),
        Column("what", Text, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Index("escalation_work_item_id_ix", "work_item_id"),
        info=personal(
            by={"work_item_id -> work_item.customer_id": ["what"]},
            none=["kind"],
        ),
    )
    return queue_state, escalation
