"""The first tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from antiphon.postgres.migrations import create_plumbing_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing_v1()
    op.execute("create sequence case_number start 1001")
    op.create_table(
        "case_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("natural_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", postgresql.JSONB(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("case_entry_pkey")),
        sa.UniqueConstraint("natural_key", name=op.f("case_entry_natural_key_key")),
    )
    op.create_index("case_entry_case_id_ix", "case_entry", ["case_id", "id"], unique=False)
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("customer", postgresql.JSONB(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interactions", sa.Integer(), nullable=False),
        sa.Column("replies", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("awaiting_answer_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("related_case_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("words_revision", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("assignee_name", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("work_state", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("case_file_pkey")),
        sa.UniqueConstraint("number", name=op.f("case_file_number_key")),
    )
    op.create_index(
        "case_file_assignee_ix",
        "case_file",
        ["assignee", sa.literal_column("changed_at desc")],
        unique=False,
        postgresql_where=sa.text("assignee is not null"),
    )
    op.create_index("case_file_customer_id_ix", "case_file", ["customer_id", "status"], unique=False)
    op.create_index(
        "case_file_newest_ix",
        "case_file",
        [sa.literal_column("changed_at desc"), sa.literal_column("case_id desc")],
        unique=False,
    )
    op.create_index(
        "case_file_queue_ix",
        "case_file",
        ["queue", sa.literal_column("changed_at desc")],
        unique=False,
        postgresql_where=sa.text("queue is not null"),
    )
    op.create_index(
        "case_file_status_ix",
        "case_file",
        ["status", sa.literal_column("changed_at desc"), sa.literal_column("case_id desc")],
        unique=False,
    )
    op.create_table(
        "case_interaction",
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("interaction", postgresql.JSONB(), nullable=False),
        sa.Column("reading", postgresql.JSONB(), nullable=False),
        sa.Column("threaded_by", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earlier", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("case_interaction_pkey")),
    )
    op.create_index(
        "case_interaction_case_id_ix", "case_interaction", ["case_id", "occurred_at"], unique=False
    )
    op.create_table(
        "channel_reference",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("reference", "case_id", name=op.f("channel_reference_pkey")),
    )
    op.create_table(
        "reply",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("answers", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("requested", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("awaited_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("native_ids", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("reply_pkey")),
    )
    op.create_index(
        "reply_author_id_idempotency_key_key", "reply", ["author_id", "idempotency_key"], unique=True
    )
    op.create_index("reply_case_id_ix", "reply", ["case_id", "requested_at"], unique=False)
    op.create_index("reply_state_ix", "reply", ["state"], unique=False)
