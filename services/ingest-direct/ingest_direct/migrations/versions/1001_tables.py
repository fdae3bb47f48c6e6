"""Creates the tables of ingest-direct.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from antiphon.postgres.migrations import create_plumbing_v1

revision = "1001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing_v1()
    op.create_table(
        "attachment",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("attachment_pkey")),
    )
    op.create_index(
        "attachment_unused_ix",
        "attachment",
        ["uploaded_at"],
        unique=False,
        postgresql_where=sa.text("interaction_id is null"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("delivery_pkey")),
    )
    op.create_index("delivery_interaction_id_ix", "delivery", ["interaction_id"], unique=False)
    op.create_index("delivery_outcome_ix", "delivery", ["outcome"], unique=False)
    op.create_table(
        "interaction",
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=True),
        sa.Column("interaction", postgresql.JSONB(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("case_reference", sa.Text(), nullable=True),
        sa.Column("case_status", sa.Text(), nullable=True),
        sa.Column("case_revision", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("interaction_pkey")),
        # A quarter of each page stays free: rows change soon after they are written, and the change stays in its page.
        postgresql_with={"fillfactor": 75},
    )
    op.create_index(
        "interaction_accepted_at_ix", "interaction", ["accepted_at", "interaction_id"], unique=False
    )
    op.create_index("interaction_case_id_ix", "interaction", ["case_id"], unique=False)
    op.create_index(
        "interaction_source_idempotency_key_key", "interaction", ["source", "idempotency_key"], unique=True
    )
    op.create_index("interaction_source_ix", "interaction", ["source", "accepted_at"], unique=False)
    op.create_table(
        "reply",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("requested", postgresql.JSONB(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_by", sa.Text(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("reply_pkey")),
    )
    op.create_index("reply_interaction_id_ix", "reply", ["interaction_id"], unique=False)
    op.create_index("reply_state_ix", "reply", ["state", "requested_at", "reply_id"], unique=False)
