"""Adds how often an agent extended an offer."""

import sqlalchemy as sa
from alembic import op

revision = "1011"
down_revision = "1010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("offer", sa.Column("extensions", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("offer", "extensions")
