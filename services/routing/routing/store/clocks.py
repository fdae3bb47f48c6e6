"""SLA clocks: the state of each, and its ledger, which is append-only."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, Interval, Table, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from routing.store.base import METADATA

_IS_RUNNING = text("met_at is null and cancelled_at is null")


# `runs`: the intervals in which it ran; the last has no end while it runs. `queue` and `channel`: those of its work when it
# was decided, at `decided_at`: when it was breached, else met or cancelled. `case_revision`: the one at which the wait began.
CLOCK = Table(
    "clock",
    METADATA,
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
    Index("clock_running_ix", "case_id", postgresql_where=_IS_RUNNING),
    # Its condition differs from that of the index above, because the planner takes either while it expects both to be empty.
    Index(
        "clock_running_policy_ix",
        "policy",
        "clock_id",
        postgresql_where=text(f"{_IS_RUNNING} and policy <> ''"),
    ),
    Index("clock_case_id_ix", "case_id"),
    Index(
        "clock_warned_ix",
        "case_id",
        postgresql_where=text(f"{_IS_RUNNING} and warned <> '{{}}' and breached_at is null"),
    ),
    Index("clock_decided_ix", "decided_at", postgresql_where=text("decided_at is not null")),
    info=personal(none=["target", "policy", "calendar", "warn_at", "warned", "runs", "queue", "channel"]),
)


CLOCK_ENTRY = Table(
    "clock_entry",
    METADATA,
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


# A changed policy whose clocks up to the id `after` have been recomputed.
POLICY_CHANGE = Table(
    "policy_change",
    METADATA,
    Column("policy", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("after", Uuid, nullable=False),
    info=personal(none=["policy"]),
)


_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))


_RUNNING = text(
    "select * from clock where case_id in (select unnest(:ids)) and met_at is null and cancelled_at is null order by started_at, clock_id"
).bindparams(_IDS)


_COUNT = text(
    """
    select case when cancelled_at is not null then 'cancelled' when met_at > due_at then 'met late'
        when met_at is not null then 'met' when breached_at is not null then 'breached' else 'running' end as state,
        count(*) as n
    from clock group by 1
    """
)


async def running_clocks(tx: AsyncConnection, case_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Returns the running and paused clocks of these cases. The caller has locked each case or its open work."""
    return await fetch(tx, _RUNNING, {"ids": list(case_ids)}) if case_ids else []


async def of_case(tx: AsyncConnection, case_id: UUID) -> Sequence[AnyRow]:
    """All clocks of a case, the first to start first."""
    query = select(CLOCK).where(CLOCK.c.case_id == case_id)
    return (await tx.execute(query.order_by(CLOCK.c.started_at, CLOCK.c.target, CLOCK.c.clock_id))).all()


async def entries_of(tx: AsyncConnection, clock_ids: Sequence[UUID]) -> dict[UUID, list[AnyRow]]:
    """The ledger of each of these clocks, from its first entry."""
    query = select(CLOCK_ENTRY).where(CLOCK_ENTRY.c.clock_id.in_(clock_ids))
    entries: dict[UUID, list[AnyRow]] = {}
    for row in await tx.execute(query.order_by(CLOCK_ENTRY.c.clock_id, CLOCK_ENTRY.c.place)):
        entries.setdefault(row.clock_id, []).append(row)
    return entries


async def count_by_state(tx: AsyncConnection) -> dict[str, int]:
    """How many clocks are `running`, `met`, `met late`, `breached` and `cancelled`."""
    return {row.state: row.n for row in await fetch(tx, _COUNT, {})}
