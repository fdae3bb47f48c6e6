"""What agents' work counts, who is heard of, who misses offers, who wraps up; work that waits for its last agent.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent", sa.Column("heard_at", sa.DateTime(timezone=True)))
    op.add_column("agent", sa.Column("missed", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("work_item", sa.Column("units", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("work_item", sa.Column("hold_until", sa.DateTime(timezone=True)))
    op.add_column("case_seen", sa.Column("last_at", sa.DateTime(timezone=True)))
    op.create_table(
        "wrap_up",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("wrap_up_pkey")),
    )


def downgrade() -> None:
    op.drop_table("wrap_up")
    op.drop_column("case_seen", "last_at")
    op.drop_column("work_item", "hold_until")
    op.drop_column("work_item", "units")
    op.drop_column("agent", "missed")
    op.drop_column("agent", "heard_at")
