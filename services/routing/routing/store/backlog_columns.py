"""Columns by which waiting work stands in lines and what it takes of an agent, and their indexes."""

from sqlalchemy import Column, Computed, DateTime, Index, Interval, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

NEED = "cast(skills as text) || cast(profiles as text) || case when units = 0 then 'light' else '' end"


def line_columns() -> list[SchemaItem]:
    """The place of a work item among what waits (see `domain.ordering`), by what its queue orders, and what it needs.

    `UnitOfWork.write` sets `order_at`; `need` is what decides who can take it, as one value: skills, capacity profiles, and whether
    it takes units of capacity. `profiles` are those that it counts against; `completed_by` is who had it and completed it.
    """
    return [
        Column("order_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        Column("longest_wait", Interval, nullable=False, server_default=text("'1 day'")),
        Column("head_start", Interval, nullable=False, server_default=text("'1 minute'")),
        Column("profiles", JSONB, nullable=False, server_default="[]"),
        Column("need", Uuid, Computed(f"cast(md5({NEED}) as uuid)", persisted=True)),
        Column("completed_by", Text),
    ]


def line_indexes() -> list[Index]:
    """Work of one queue that asks the same others and needs the same, in its order; and the lines that ask others."""
    line = ("queue", "also_queues", "need")
    return [
        Index(
            "work_item_line_ix", *line, "order_at", "queued_at", "work_item_id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "work_item_widened_ix", *line, postgresql_where=text("state = 'queued' and also_queues <> '{}'")
        ),
        Index(
            "work_item_done_ix", "completed_by", "completed_at",
            postgresql_where=text("completed_by is not null and profiles <> '[]'"),
        ),
    ]  # fmt: skip
