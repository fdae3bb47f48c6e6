"""A publication that restores an earlier version names that version."""

import sqlalchemy as sa
from alembic import op

revision = "1008"
down_revision = "1007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("publication", sa.Column("restores", sa.Integer()))
