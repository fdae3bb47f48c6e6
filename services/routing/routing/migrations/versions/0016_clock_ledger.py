"""Service clocks are folded from a ledger; they pause, and are of three kinds; answers are known by the case's revision.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

RUNNING = sa.text("met_at is null and cancelled_at is null")
INTEGERS = postgresql.ARRAY(sa.Integer())
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "clock_entry",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("noted_at", TIME, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.Column("within", sa.Interval(), nullable=False),
        sa.Column("warn_at", INTEGERS, nullable=False),
        sa.Column("warned", INTEGERS, nullable=False),
        sa.Column("percent", sa.Integer()),
        sa.Column("due_before", TIME),
        sa.Column("due_after", TIME, nullable=False),
        sa.PrimaryKeyConstraint("clock_id", "place", name=op.f("clock_entry_pkey")),
    )
    op.create_table(
        "policy_change",
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("policy", name=op.f("policy_change_pkey")),
    )
    for column in (
        sa.Column("within", sa.Interval()),
        sa.Column("warn_at", INTEGERS, nullable=False, server_default="{}"),
        sa.Column("warned", INTEGERS, nullable=False, server_default="{}"),
        sa.Column("terms_since", TIME),
        sa.Column("runs", postgresql.JSONB()),
        sa.Column("paused_since", TIME),
        sa.Column("entries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("case_revision", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("queue", sa.Text()),
        sa.Column("channel", sa.Text()),
        sa.Column("decided_at", TIME),
    ):
        op.add_column("clock", column)
    # What ran before there were ledgers: its time as the wall tells it, until its terms are read anew.
    op.execute(
        """
        update clock c set within = c.due_at - c.started_at, terms_since = started_at, entries = 1,
            runs = jsonb_build_array(jsonb_build_array(started_at, coalesce(met_at, cancelled_at))),
            queue = w.queue, channel = w.channel, decided_at = coalesce(breached_at, met_at, cancelled_at)
        from work_item w where w.work_item_id = c.work_item_id
        """
    )
    op.execute(
        """
        insert into clock_entry (clock_id, place, kind, at, noted_at, cause, policy, calendar, configuration_version,
            within, warn_at, warned, due_after)
        select clock_id, 0, 'applied', started_at, started_at, 'before there were ledgers', policy, calendar,
            configuration_version, within, '{}', '{}', due_at from clock
        """
    )
    for name in ("within", "terms_since", "runs", "queue", "channel"):
        op.alter_column("clock", name, nullable=False)
    op.drop_index("clock_running_key", table_name="clock")
    op.create_index("clock_running_ix", "clock", ["case_id"], unique=False, postgresql_where=RUNNING)
    op.create_index(
        "clock_running_policy_ix", "clock", ["policy", "clock_id"], unique=False, postgresql_where=RUNNING
    )
    op.create_index(
        "clock_decided_ix", "clock", ["decided_at"], unique=False,
        postgresql_where=sa.text("decided_at is not null"),
    )  # fmt: skip
    op.drop_column("case_seen", "answered_at")
    op.add_column("case_seen", sa.Column("awaiting_since", TIME))
    op.add_column("case_seen", sa.Column("answers", postgresql.JSONB(), nullable=False, server_default="[]"))
    op.execute("update timer set kind = 'sla-clock' where kind = 'sla-breach'")


def downgrade() -> None:
    op.execute("update timer set kind = 'sla-breach' where kind = 'sla-clock'")
    op.drop_column("case_seen", "answers")
    op.drop_column("case_seen", "awaiting_since")
    op.add_column("case_seen", sa.Column("answered_at", TIME))
    for name in ("clock_decided_ix", "clock_running_policy_ix", "clock_running_ix"):
        op.drop_index(name, table_name="clock")
    op.execute("delete from clock where target <> 'first-response'")
    op.create_index(
        "clock_running_key", "clock", ["case_id", "target"], unique=True, postgresql_where=RUNNING
    )
    for name in (
        "decided_at", "channel", "queue", "case_revision", "entries", "paused_since", "runs", "terms_since", "warned",
        "warn_at", "within",
    ):  # fmt: skip
        op.drop_column("clock", name)
    op.drop_table("policy_change")
    op.drop_table("clock_entry")
