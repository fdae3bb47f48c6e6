"""An answer may be heard before its case, since they are on different topics: it is kept until the clock starts.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_seen", sa.Column("answered_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("case_seen", "answered_at")
