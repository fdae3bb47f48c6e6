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
    op.create_table(
        "agent",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("agent_pkey")),
    )
    op.create_table(
        "case_seen",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", name=op.f("case_seen_pkey")),
    )
    op.create_table(
        "clock",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("clock_id", name=op.f("clock_pkey")),
    )
    op.create_index("clock_case_id_ix", "clock", ["case_id"], unique=False)
    op.create_index(
        "clock_running_key",
        "clock",
        ["case_id", "target"],
        unique=True,
        postgresql_where=sa.text("met_at is null and cancelled_at is null"),
    )
    op.create_table(
        "configuration",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("configuration_pkey")),
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("context", postgresql.JSONB(), nullable=False),
        sa.Column("trace", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("decision_pkey")),
    )
    op.create_index(
        "decision_at_ix",
        "decision",
        [sa.literal_column("at desc"), sa.literal_column("decision_id desc")],
        unique=False,
    )
    op.create_index("decision_work_item_id_ix", "decision", ["work_item_id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("offer_pkey")),
    )
    op.create_index(
        "offer_agent_ix", "offer", ["agent_id"], unique=False, postgresql_where=sa.text("result is null")
    )
    op.create_index(
        "offer_pending_key",
        "offer",
        ["work_item_id"],
        unique=True,
        postgresql_where=sa.text("result is null"),
    )
    op.create_index("offer_work_item_id_ix", "offer", ["work_item_id"], unique=False)
    op.create_table(
        "timer",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("timer_pkey")),
    )
    op.create_index("timer_due_at_ix", "timer", ["due_at"], unique=False)
    op.create_table(
        "work_item",
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_reference", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("skills", postgresql.JSONB(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("preferred", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("work_item_id", name=op.f("work_item_pkey")),
    )
    op.create_index("work_item_case_id_ix", "work_item", ["case_id"], unique=False)
    op.create_index(
        "work_item_held_ix",
        "work_item",
        ["agent_id"],
        unique=False,
        postgresql_where=sa.text("state in ('offered', 'accepted')"),
    )
    op.create_index(
        "work_item_list_ix",
        "work_item",
        [sa.literal_column("changed_at desc"), sa.literal_column("work_item_id desc")],
        unique=False,
    )
    op.create_index(
        "work_item_one_open_per_case_key",
        "work_item",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'completed'"),
    )
    op.create_index(
        "work_item_queue_list_ix",
        "work_item",
        ["queue", sa.literal_column("changed_at desc"), sa.literal_column("work_item_id desc")],
        unique=False,
    )
    op.create_index(
        "work_item_waiting_ix",
        "work_item",
        ["queue", "due_at", sa.literal_column("priority desc"), "queued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
