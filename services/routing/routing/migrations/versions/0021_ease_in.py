"""Who was away for long, and is offered little at a time at first.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ease_in",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("per", sa.Interval(), nullable=False),
        sa.Column("offered", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("ease_in_pkey")),
    )


def downgrade() -> None:
    op.drop_table("ease_in")
