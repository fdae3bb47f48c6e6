"""Shadows: a draft decides beside the live version, and what it says is kept with each decision.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("shadow", postgresql.JSONB()))
    op.create_index(
        "decision_shadow_ix",
        "decision",
        [
            sa.literal_column("(shadow ->> 'shadow_id')"),
            sa.literal_column("at desc"),
            sa.literal_column("decision_id desc"),
        ],
        postgresql_where=sa.text("shadow is not null"),
    )
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "shadow",
        sa.Column("shadow_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("draft_revision", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shadow_id", name=op.f("shadow_pkey")),
    )
    op.create_index(
        "shadow_one_key", "shadow", [sa.literal_column("(true)")], unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )  # fmt: skip
    op.create_index(
        "shadow_list_ix", "shadow", [sa.literal_column("began_at desc"), sa.literal_column("shadow_id desc")]
    )


def downgrade() -> None:
    op.drop_table("shadow")
    op.drop_index("decision_shadow_ix", "decision")
    op.drop_column("decision", "shadow")
