"""The place of work among what waits, by a moment that does not move; and what it needs as one value.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "work_item",
        sa.Column("longest_wait", sa.Interval(), nullable=False, server_default=sa.text("'1 day'")),
    )
    op.add_column(
        "work_item",
        sa.Column("head_start", sa.Interval(), nullable=False, server_default=sa.text("'1 minute'")),
    )
    op.add_column(
        "work_item",
        sa.Column("order_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
    op.add_column(
        "work_item",
        sa.Column("need", sa.Uuid(), sa.Computed("cast(md5(cast(skills as text)) as uuid)", persisted=True)),
    )
    op.execute(
        "update work_item set order_at = greatest(queued_at, least(due_at, queued_at + longest_wait)) - priority * head_start"
    )
    op.create_index(
        "work_item_line_ix",
        "work_item",
        ["queue", "also_queues", "need", "order_at", "queued_at", "work_item_id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_index("work_item_widened_ix", table_name="work_item")
    op.create_index(
        "work_item_widened_ix",
        "work_item",
        ["queue", "also_queues", "need"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' and also_queues <> '{}'"),
    )


def downgrade() -> None:
    op.drop_index("work_item_widened_ix", table_name="work_item")
    op.create_index(
        "work_item_widened_ix",
        "work_item",
        ["queue", "due_at", sa.literal_column("priority desc"), "queued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' and also_queues <> '{}'"),
    )
    op.drop_index("work_item_line_ix", table_name="work_item")
    for name in ("need", "order_at", "head_start", "longest_wait"):
        op.drop_column("work_item", name)
