"""Surges of labels, beside those of queues.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("surge", "queue", nullable=True)
    op.add_column("surge", sa.Column("label", sa.Text()))
    op.create_index(
        "surge_one_a_label_key", "surge", ["label"], unique=True, postgresql_where=sa.text("ended_at is null")
    )


def downgrade() -> None:
    op.execute("delete from surge where queue is null")
    op.drop_column("surge", "label")
    op.alter_column("surge", "queue", nullable=False)
