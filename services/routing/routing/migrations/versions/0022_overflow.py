"""What the rules say of overflow, kept with the work: it may become due when a queue closes.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("overflow", sa.Text()))


def downgrade() -> None:
    op.drop_column("work_item", "overflow")
