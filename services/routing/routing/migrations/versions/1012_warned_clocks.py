"""Adds the index of clocks that run, gave a warning and were not breached."""

import sqlalchemy as sa
from alembic import op

revision = "1012"
down_revision = "1011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "clock_warned_ix",
        "clock",
        ["case_id"],
        postgresql_where=sa.text(
            "met_at is null and cancelled_at is null and warned <> '{}' and breached_at is null"
        ),
    )


def downgrade() -> None:
    op.drop_index("clock_warned_ix")
