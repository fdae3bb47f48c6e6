"""Queues that are paused, closed or have steps: how far work has come on them, who else is asked, and what happened to it.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "queue_state",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("queue_state_pkey")),
    )
    op.add_column("work_item", sa.Column("step", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("work_item", sa.Column("steps_from", sa.DateTime(timezone=True)))
    op.add_column("work_item", sa.Column("next_step_at", sa.DateTime(timezone=True)))
    op.add_column("work_item", sa.Column("steps_of", sa.Text()))
    op.add_column(
        "work_item",
        sa.Column("also_queues", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
    )
    op.create_index(
        "work_item_widened_ix",
        "work_item",
        ["queue", "due_at", sa.literal_column("priority desc"), "queued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' and also_queues <> '{}'"),
    )
    op.create_table(
        "escalation",
        sa.Column("escalation_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("escalation_id", name=op.f("escalation_pkey")),
    )
    op.create_index("escalation_work_item_id_ix", "escalation", ["work_item_id"], unique=False)


def downgrade() -> None:
    op.drop_table("escalation")
    op.drop_index("work_item_widened_ix", table_name="work_item")
    for column in ("also_queues", "steps_of", "next_step_at", "steps_from", "step"):
        op.drop_column("work_item", column)
    op.drop_table("queue_state")
