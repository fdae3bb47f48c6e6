"""Creates the tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from antiphon.postgres.migrations import create_idempotency_keys_v1

revision = "1001"
down_revision = None


def upgrade() -> None:
    create_idempotency_keys_v1()
    op.create_table(
        "session",
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("tokens", sa.LargeBinary, nullable=False),
        sa.Column("token_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="session_pkey"),
    )
    op.create_index("session_until_ix", "session", [sa.text("least(until, idle_until)")])
