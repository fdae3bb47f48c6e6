"""Columns by which waiting work stands in lines, and their indexes."""

from typing import Any

from sqlalchemy import Column, Computed, DateTime, Index, Interval, Uuid, text


def line_columns() -> list[Column[Any]]:
    """The place of a work item among what waits (see `domain.ordering`), by what its queue orders, and what it needs.

    `Desk.write` sets `order_at`; `need` is the skills as one value.
    """
    return [
        Column("order_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        Column("longest_wait", Interval, nullable=False, server_default=text("'1 day'")),
        Column("head_start", Interval, nullable=False, server_default=text("'1 minute'")),
        Column("need", Uuid, Computed("cast(md5(cast(skills as text)) as uuid)", persisted=True)),
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
    ]  # fmt: skip
