"""Adds until when changes of people were applied."""

import sqlalchemy as sa
from alembic import op

revision = "1009"
down_revision = "1008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_applied",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="people_applied_pkey"),
    )


def downgrade() -> None:
    op.drop_table("people_applied")
