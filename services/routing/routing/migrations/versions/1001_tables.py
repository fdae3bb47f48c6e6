"""Creates the tables of routing."""

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
        "agent",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_heartbeat_at", sa.DateTime(timezone=True)),
        sa.Column("missed", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="agent_pkey"),
    )
    op.create_table(
        "case_record",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_agent", sa.Text()),
        sa.Column("last_at", sa.DateTime(timezone=True)),
        sa.Column("awaiting_since", sa.DateTime(timezone=True)),
        sa.Column("answers", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("awaits", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("dismissed", sa.Text()),
        sa.Column("asked_revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("customer_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("case_id", name="case_record_pkey"),
    )
    op.create_index("case_record_awaits_ix", "case_record", ["case_id"], postgresql_where=sa.text("awaits"))
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
        sa.Column("met_at", sa.DateTime(timezone=True)),
        sa.Column("breached_at", sa.DateTime(timezone=True)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("within", sa.Interval(), nullable=False),
        sa.Column("warn_at", postgresql.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("warned", postgresql.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("terms_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("runs", postgresql.JSONB(), nullable=False),
        sa.Column("paused_since", sa.DateTime(timezone=True)),
        sa.Column("entries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("case_revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("clock_id", name="clock_pkey"),
    )
    op.create_index("clock_case_id_ix", "clock", ["case_id"])
    op.create_index(
        "clock_decided_ix", "clock", ["decided_at"], postgresql_where=sa.text("decided_at is not null")
    )
    op.create_index(
        "clock_running_ix",
        "clock",
        ["case_id"],
        postgresql_where=sa.text("met_at is null and cancelled_at is null"),
    )
    op.create_index(
        "clock_running_policy_ix",
        "clock",
        ["policy", "clock_id"],
        postgresql_where=sa.text("met_at is null and cancelled_at is null and policy <> ''"),
    )
    op.create_table(
        "clock_entry",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.Column("within", sa.Interval(), nullable=False),
        sa.Column("warn_at", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("warned", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("percent", sa.Integer()),
        sa.Column("due_before", sa.DateTime(timezone=True)),
        sa.Column("due_after", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clock_id", "place", name="clock_entry_pkey"),
    )
    op.create_table(
        "configuration",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("draft_id", sa.Uuid()),
        sa.Column("trial_id", sa.Uuid()),
        sa.Column("restores", sa.Integer()),
        sa.Column("rollout", sa.Integer()),
        sa.Column("rollout_ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("version", name="configuration_pkey"),
    )
    op.create_index(
        "configuration_one_rollout_key",
        "configuration",
        [sa.literal_column("(true)")],
        unique=True,
        postgresql_where=sa.text("rollout is not null and rollout_ended_at is null"),
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
        sa.Column("outcome", postgresql.JSONB()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shadow", postgresql.JSONB()),
        sa.PrimaryKeyConstraint("decision_id", name="decision_pkey"),
    )
    op.create_index(
        "decision_at_ix", "decision", [sa.literal_column("at desc"), sa.literal_column("decision_id desc")]
    )
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
    op.create_index("decision_work_item_id_ix", "decision", ["work_item_id"])
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
        sa.Column("authors", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.PrimaryKeyConstraint("draft_id", name="draft_pkey"),
    )
    op.create_index(
        "draft_list_ix", "draft", [sa.literal_column("changed_at desc"), sa.literal_column("draft_id desc")]
    )
    op.create_table(
        "escalation",
        sa.Column("escalation_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("escalation_id", name="escalation_pkey"),
    )
    op.create_index("escalation_work_item_id_ix", "escalation", ["work_item_id"])
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("repair", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("finding_id", name="finding_pkey"),
    )
    op.create_index(
        "finding_at_ix", "finding", [sa.literal_column("at desc"), sa.literal_column("finding_id desc")]
    )
    op.create_table(
        "offer",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("offer_id", name="offer_pkey"),
    )
    op.create_index(
        "offer_pending_key",
        "offer",
        ["work_item_id"],
        unique=True,
        postgresql_where=sa.text("result is null"),
    )
    op.create_index("offer_work_item_id_ix", "offer", ["work_item_id"])
    op.create_table(
        "policy_change",
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("policy", name="policy_change_pkey"),
    )
    op.create_table(
        "publication",
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Uuid()),
        sa.Column("authors", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        sa.Column("approved_by", sa.Text()),
        sa.Column("approved_why", sa.Text()),
        sa.Column("begins_at", sa.DateTime(timezone=True)),
        sa.Column("rollout", sa.Integer(), nullable=False),
        sa.Column("widens_at", sa.DateTime(timezone=True)),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text()),
        sa.Column("ended_why", sa.Text()),
        sa.PrimaryKeyConstraint("publication_id", name="publication_pkey"),
    )
    op.create_index("publication_draft_ix", "publication", ["draft_id"])
    op.create_index(
        "publication_list_ix",
        "publication",
        [sa.literal_column("asked_at desc"), sa.literal_column("publication_id desc")],
    )
    op.create_table(
        "queue_state",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name="queue_state_pkey"),
    )
    op.create_table(
        "ramp_up",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("per", sa.Interval(), nullable=False),
        sa.Column("offered", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="ramp_up_pkey"),
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("last_began_at", sa.DateTime(timezone=True)),
        sa.Column("last_ended_at", sa.DateTime(timezone=True)),
        sa.Column("last_checked", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="reconciliation_pkey"),
    )
    op.create_table(
        "shadow",
        sa.Column("shadow_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("draft_revision", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text()),
        sa.PrimaryKeyConstraint("shadow_id", name="shadow_pkey"),
    )
    op.create_index(
        "shadow_list_ix", "shadow", [sa.literal_column("began_at desc"), sa.literal_column("shadow_id desc")]
    )
    op.create_index(
        "shadow_one_key",
        "shadow",
        [sa.literal_column("(true)")],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "surge",
        sa.Column("surge_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.Text()),
        sa.Column("label", sa.Text()),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("surge_id", name="surge_pkey"),
    )
    op.create_index(
        "surge_one_a_label_key", "surge", ["label"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_index(
        "surge_one_a_queue_key", "surge", ["queue"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_table(
        "timer",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="timer_pkey"),
    )
    op.create_index("timer_due_at_ix", "timer", ["due_at"])
    op.create_table(
        "trial",
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("draft_revision", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("against_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("failure", sa.Text()),
        sa.Column("rules", postgresql.JSONB()),
        sa.Column("result", postgresql.JSONB()),
        sa.PrimaryKeyConstraint("trial_id", name="trial_pkey"),
    )
    op.create_index(
        "trial_list_ix",
        "trial",
        ["draft_id", sa.literal_column("asked_at desc"), sa.literal_column("trial_id desc")],
    )
    op.create_index(
        "trial_waiting_ix", "trial", ["asked_at"], postgresql_where=sa.text("state in ('asked', 'running')")
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
        sa.PrimaryKeyConstraint("trial_id", "decision_id", name="trial_item_pkey"),
    )
    op.create_index(
        "trial_item_list_ix",
        "trial_item",
        ["trial_id", sa.literal_column("at desc"), sa.literal_column("decision_id desc")],
    )
    op.create_table(
        "work_count",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "queue", "what", name="work_count_pkey"),
    )
    op.create_table(
        "work_count_change",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "work_item",
        sa.Column("work_item_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_reference", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("skills", postgresql.JSONB(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("agent_id", sa.Text()),
        sa.Column("preferred", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("decision_id", sa.Uuid()),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("prefer_skills", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("units", sa.Integer(), server_default="1", nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True)),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("steps_from", sa.DateTime(timezone=True)),
        sa.Column("next_step_at", sa.DateTime(timezone=True)),
        sa.Column("steps_hash", sa.Text()),
        sa.Column("also_queues", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("overflow", sa.Text()),
        sa.Column("decided_priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deferred_move", postgresql.JSONB()),
        sa.Column("order_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("longest_wait", sa.Interval(), server_default=sa.text("'1 day'"), nullable=False),
        sa.Column("head_start", sa.Interval(), server_default=sa.text("'1 minute'"), nullable=False),
        sa.Column("profiles", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column(
            "need",
            sa.Uuid(),
            sa.Computed(
                "cast(md5(cast(skills as text) || cast(profiles as text) || case when units = 0 then 'zero-unit' else '' end) as uuid)",
                persisted=True,
            ),
        ),
        sa.Column("completed_by", sa.Text()),
        sa.PrimaryKeyConstraint("work_item_id", name="work_item_pkey"),
    )
    op.create_index("work_item_case_id_ix", "work_item", ["case_id"])
    op.create_index(
        "work_item_done_ix",
        "work_item",
        ["completed_by", "completed_at"],
        postgresql_where=sa.text("completed_by is not null and profiles <> '[]'"),
    )
    op.create_index(
        "work_item_held_ix",
        "work_item",
        ["agent_id"],
        postgresql_where=sa.text("state in ('offered', 'accepted')"),
    )
    op.create_index(
        "work_item_line_ix",
        "work_item",
        ["queue", "also_queues", "need", "order_at", "queued_at", "work_item_id"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "work_item_list_ix",
        "work_item",
        [sa.literal_column("changed_at desc"), sa.literal_column("work_item_id desc")],
    )
    op.create_index(
        "work_item_deferred_move_ix",
        "work_item",
        ["work_item_id"],
        postgresql_where=sa.text("deferred_move is not null and state in ('queued', 'offered')"),
    )
    op.create_index(
        "work_item_oldest_ix",
        "work_item",
        ["queue", "queued_at"],
        postgresql_where=sa.text("state = 'queued'"),
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
    )
    op.create_index(
        "work_item_waiting_ix",
        "work_item",
        ["queue", "due_at", sa.literal_column("priority desc"), "queued_at"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "work_item_widened_ix",
        "work_item",
        ["queue", "also_queues", "need"],
        postgresql_where=sa.text("state = 'queued' and also_queues <> '{}'"),
    )
    op.create_table(
        "wrap_up",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="wrap_up_pkey"),
    )
    # Rows that change often find space in their page for their next version, so that no index changes.
    for table in ("case_record", "work_item"):
        op.execute(f"alter table {table} set (fillfactor = 75)")


def downgrade() -> None:
    for table in (
        "agent",
        "case_record",
        "clock",
        "clock_entry",
        "configuration",
        "decision",
        "draft",
        "escalation",
        "finding",
        "offer",
        "policy_change",
        "publication",
        "queue_state",
        "ramp_up",
        "reconciliation",
        "shadow",
        "surge",
        "timer",
        "trial",
        "trial_item",
        "work_count",
        "work_count_change",
        "work_item",
        "wrap_up",
    ):
        op.drop_table(table)
