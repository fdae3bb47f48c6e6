"""Adds whether a person chose the agent of an offer."""

import sqlalchemy as sa
from alembic import op

revision = "1010"
down_revision = "1009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("offer", sa.Column("directed", sa.Boolean(), server_default="false", nullable=False))


def downgrade() -> None:
    op.drop_column("offer", "directed")
