"""Drafts of the configuration and trials of them; versions say why, decisions keep what they decided.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("configuration", sa.Column("why", sa.Text()))
    op.add_column("configuration", sa.Column("draft_id", sa.Uuid()))
    op.add_column("configuration", sa.Column("trial_id", sa.Uuid()))
    op.add_column("configuration", sa.Column("restores", sa.Integer()))
    op.add_column("decision", sa.Column("outcome", postgresql.JSONB()))
    op.create_table(
        "draft",
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("draft_pkey")),
    )
    op.create_index(
        "draft_list_ix",
        "draft",
        [sa.literal_column("changed_at desc"), sa.literal_column("draft_id desc")],
        unique=False,
    )
    op.create_table(
        "trial",
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("draft_revision", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("against_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("rules", postgresql.JSONB(), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("trial_id", name=op.f("trial_pkey")),
    )
    op.create_index(
        "trial_waiting_ix", "trial", ["asked_at"], unique=False,
        postgresql_where=sa.text("state in ('asked', 'running')"),
    )  # fmt: skip
    op.create_index(
        "trial_list_ix",
        "trial",
        ["draft_id", sa.literal_column("asked_at desc"), sa.literal_column("trial_id desc")],
        unique=False,
    )
    op.create_table(
        "trial_item",
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("errors", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("trial_id", "decision_id", name=op.f("trial_item_pkey")),
    )
    op.create_index(
        "trial_item_list_ix",
        "trial_item",
        ["trial_id", sa.literal_column("at desc"), sa.literal_column("decision_id desc")],
        unique=False,
    )


def downgrade() -> None:
    for table in ("trial_item", "trial", "draft"):
        op.drop_table(table)
    op.drop_column("decision", "outcome")
    for column in ("restores", "trial_id", "draft_id", "why"):
        op.drop_column("configuration", column)
