"""Creates the tables of case-mgmt.

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

# A row that changes soon after it is written stays in its page.
FREE_SPACE = {"fillfactor": "75"}


def upgrade() -> None:
    create_plumbing_v1()
    op.execute("create sequence case_number start 1001")
    create_cases()
    create_threading()
    create_interactions()
    create_record()
    create_replies()


def create_cases() -> None:
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
        sa.Column("asked_revision", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("case_file_pkey")),
        sa.UniqueConstraint("number", name=op.f("case_file_number_key")),
        postgresql_with=FREE_SPACE,
    )
    op.create_index("case_file_customer_id_ix", "case_file", ["customer_id", "status"])
    op.create_index("case_file_newest_ix", "case_file", [sa.text("changed_at desc"), sa.text("case_id desc")])
    op.create_index(
        "case_file_status_ix", "case_file", ["status", sa.text("changed_at desc"), sa.text("case_id desc")]
    )
    op.create_table(
        "case_work",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("work_state", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("agent_name", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_partition", sa.Integer(), nullable=False),
        sa.Column("event_offset", sa.BigInteger(), nullable=False),
        sa.Column("case_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("case_work_pkey")),
        postgresql_with=FREE_SPACE,
    )
    for column in ("queue", "agent_id"):
        op.create_index(
            f"case_work_{column}_ix",
            "case_work",
            [column, sa.text("case_changed_at desc"), sa.text("case_id desc")],
            postgresql_where=sa.text(f"{column} is not null"),
        )


def create_threading() -> None:
    op.create_table(
        "channel_reference",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("reference", "case_id", name=op.f("channel_reference_pkey")),
    )
    op.create_table(
        "case_conversation",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", "case_id", name=op.f("case_conversation_pkey")),
    )


def create_interactions() -> None:
    op.create_table(
        "case_interaction",
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("interaction", postgresql.JSONB(), nullable=False),
        sa.Column("reading", postgresql.JSONB(), nullable=False),
        sa.Column("threaded_by", sa.Text(), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earlier", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("case_interaction_pkey")),
    )
    op.create_index("case_interaction_accepted_ix", "case_interaction", ["case_id", "accepted_at"])


def create_record() -> None:
    op.create_table(
        "case_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("natural_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", postgresql.JSONB(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("case_entry_pkey")),
        sa.UniqueConstraint("natural_key", name=op.f("case_entry_natural_key_key")),
    )
    op.create_index("case_entry_case_id_ix", "case_entry", ["case_id", "id"])


def create_replies() -> None:
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
    op.create_index("reply_case_id_ix", "reply", ["case_id", "requested_at"])
    op.create_index("reply_state_ix", "reply", ["state"])
    op.create_table(
        "acknowledgement",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("acknowledgement_pkey")),
    )
    op.create_index("acknowledgement_case_id_ix", "acknowledgement", ["case_id"])
    op.create_index("acknowledgement_customer_id_ix", "acknowledgement", ["customer_id", "requested_at"])
    op.create_index(
        "acknowledgement_recipient_ix",
        "acknowledgement",
        ["recipient", "requested_at"],
        postgresql_where=sa.text("recipient is not null"),
    )
