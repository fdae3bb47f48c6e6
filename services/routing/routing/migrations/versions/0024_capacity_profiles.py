"""Capacity profiles that work counts against, as a part of what it needs; and who had it and completed it.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("profiles", JSONB(), nullable=False, server_default="[]"))
    op.add_column("work_item", sa.Column("completed_by", sa.Text()))
    _need("cast(skills as text) || cast(profiles as text) || case when units = 0 then 'light' else '' end")
    op.create_index(
        "work_item_done_ix",
        "work_item",
        ["completed_by", "completed_at"],
        unique=False,
        postgresql_where=sa.text("completed_by is not null and profiles <> '[]'"),
    )


def downgrade() -> None:
    op.drop_index("work_item_done_ix", table_name="work_item")
    _need("cast(skills as text)")
    op.drop_column("work_item", "completed_by")
    op.drop_column("work_item", "profiles")


def _need(said: str) -> None:
    """Its indexes go with the column."""
    op.drop_column("work_item", "need")
    op.add_column(
        "work_item", sa.Column("need", sa.Uuid(), sa.Computed(f"cast(md5({said}) as uuid)", persisted=True))
    )
    op.create_index(
        "work_item_line_ix",
        "work_item",
        ["queue", "also_queues", "need", "order_at", "queued_at", "work_item_id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "work_item_widened_ix",
        "work_item",
        ["queue", "also_queues", "need"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' and also_queues <> '{}'"),
    )
