"""Tables of service clocks: how each stands, and the ledger that it is folded from, which only grows."""

from sqlalchemy import Column, DateTime, Index, Integer, Interval, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from antiphon.postgres.personal_data import personal

_RUNNING = text("met_at is null and cancelled_at is null")


def clock_tables(of: MetaData) -> tuple[Table, Table, Table]:
    """Adds them: clocks, their ledger, and the policies whose running clocks a new configuration has yet to reach."""
    # `runs`: from when to when it ran, the last open while it does. `queue` and `channel`: whose it was when it was
    # decided, at `decided_at`: when it was breached, or else met or cancelled. `case_revision`: at which the wait began.
    clock = Table(
        "clock",
        of,
        Column("clock_id", Uuid, primary_key=True),
        Column("case_id", Uuid, nullable=False),
        Column("work_item_id", Uuid, nullable=False),
        Column("target", Text, nullable=False),
        Column("policy", Text, nullable=False),
        Column("calendar", Text, nullable=False),
        Column("configuration_version", Integer, nullable=False),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        Column("met_at", DateTime(timezone=True)),
        Column("breached_at", DateTime(timezone=True)),
        Column("cancelled_at", DateTime(timezone=True)),
        Column("within", Interval, nullable=False),
        Column("warn_at", ARRAY(Integer), nullable=False, server_default="{}"),
        Column("warned", ARRAY(Integer), nullable=False, server_default="{}"),
        Column("terms_since", DateTime(timezone=True), nullable=False),
        Column("runs", JSONB, nullable=False),
        Column("paused_since", DateTime(timezone=True)),
        Column("entries", Integer, nullable=False, server_default="0"),
        Column("case_revision", Integer, nullable=False, server_default="0"),
        Column("queue", Text, nullable=False),
        Column("channel", Text, nullable=False),
        Column("decided_at", DateTime(timezone=True)),
        Index("clock_running_ix", "case_id", postgresql_where=_RUNNING),
        # Its rows are said otherwise than those of the index above: while the planner believes that both are empty it takes either.
        Index(
            "clock_running_policy_ix",
            "policy",
            "clock_id",
            postgresql_where=text(f"{_RUNNING} and policy <> ''"),
        ),
        Index("clock_case_id_ix", "case_id"),
        Index("clock_decided_ix", "decided_at", postgresql_where=text("decided_at is not null")),
        info=personal(none=["target", "policy", "calendar", "warn_at", "warned", "runs", "queue", "channel"]),
    )
    entry = Table(
        "clock_entry",
        of,
        Column("clock_id", Uuid, primary_key=True),
        Column("place", Integer, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("noted_at", DateTime(timezone=True), nullable=False),
        Column("cause", Text, nullable=False),
        Column("policy", Text, nullable=False),
        Column("calendar", Text, nullable=False),
        Column("configuration_version", Integer, nullable=False),
        Column("within", Interval, nullable=False),
        Column("warn_at", ARRAY(Integer), nullable=False),
        Column("warned", ARRAY(Integer), nullable=False),
        Column("percent", Integer),
        Column("due_before", DateTime(timezone=True)),
        Column("due_after", DateTime(timezone=True), nullable=False),
        info=personal(
            by={"clock_id -> clock.work_item_id -> work_item.customer_id": ["cause"]},
            none=["kind", "policy", "calendar", "warn_at", "warned"],
        ),
    )
    # Clocks of the policy up to `after`, in the order of their ids, have been recomputed.
    change = Table(
        "policy_change",
        of,
        Column("policy", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("after", Uuid, nullable=False),
        info=personal(none=["policy"]),
    )
    return clock, entry, change
