"""Drops the index by which waiting work was read before it stood in lines: nothing asks it any more.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("work_item_waiting_ix", table_name="work_item")


def downgrade() -> None:
    op.create_index(
        "work_item_waiting_ix",
        "work_item",
        ["queue", "due_at", sa.text("priority desc"), "queued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
