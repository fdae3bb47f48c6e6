"""Tables and set-based queries of routing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow, as_json, fetch, mapping, recordset
from antiphon.postgres.writes import Writes, insert_rows
from routing.domain.case_seen import CaseSeen
from routing.domain.offer import REFUSALS, OfferRecord
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.store.backlog_columns import line_columns, line_indexes
from routing.store.clock_tables import clock_tables
from routing.store.draft_tables import draft_tables
from routing.store.ease_in_table import ease_in_table
from routing.store.queue_tables import queue_tables, step_columns
from routing.store.reconciliation_tables import awaiting_columns, reconciliation_tables
from routing.store.tally_tables import tally_tables

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
EASE_IN = ease_in_table(METADATA)
CONFIGURATION, PUBLICATION, SHADOW, DRAFT, TRIAL, TRIAL_ITEM = draft_tables(METADATA)
QUEUE_STATE, ESCALATION = queue_tables(METADATA)
CLOCK, CLOCK_ENTRY, POLICY_CHANGE = clock_tables(METADATA)
TALLY, TALLY_CHANGE, SURGE = tally_tables(METADATA)

AGENT = Table(
    "agent",
    METADATA,
    Column("agent_id", Text, primary_key=True),
    Column("presence", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("idle_since", DateTime(timezone=True), nullable=False),
    Column("heard_at", DateTime(timezone=True)),
    Column("missed", Integer, nullable=False, server_default="0"),
    info=personal(
        none=["presence"],
        staff=["agent_id"],
    ),
)

# Who has completed work and is not offered more yet. No row of it is locked before others: it is written last.
WRAP_UP = Table(
    "wrap_up",
    METADATA,
    Column("agent_id", Text, primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    info=personal(staff=["agent_id"]),
)

WORK = Table(
    "work_item",
    METADATA,
    Column("work_item_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("case_reference", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("subject", Text),
    Column("state", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("skills", JSONB, nullable=False),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("agent_id", Text),
    Column("preferred", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("decision_id", Uuid, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("completed_at", DateTime(timezone=True)),
    Column("labels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("prefer_skills", JSONB, nullable=False, server_default="{}"),
    Column("units", Integer, nullable=False, server_default="1"),
    Column("hold_until", DateTime(timezone=True)),
    *step_columns(),
    *line_columns(),
    Index("work_item_one_open_per_case_key", "case_id", unique=True, postgresql_where=text("state <> 'completed'")),
    Index("work_item_case_id_ix", "case_id"),
    Index(
        "work_item_waiting_ix", "queue", "due_at", text("priority desc"), "queued_at",
        postgresql_where=text("state = 'queued'"),
    ),
    *line_indexes(),
    Index("work_item_held_ix", "agent_id", postgresql_where=text("state in ('offered', 'accepted')")),
    Index("work_item_oldest_ix", "queue", "queued_at", postgresql_where=text("state = 'queued'")),
    Index("work_item_list_ix", text("changed_at desc"), text("work_item_id desc")),
    Index("work_item_queue_list_ix", "queue", text("changed_at desc"), text("work_item_id desc")),
    info=personal(
        by={"customer_id": ["subject", "labels"]},
        none=["case_reference", "channel", "state", "queue", "skills", "prefer_skills", "steps_of", "also_queues", "overflow", "profiles", "meant"],
        staff=["agent_id", "preferred", "completed_by"],
    ),
)  # fmt: skip

OFFER = Table(
    "offer",
    METADATA,
    Column("offer_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("agent_name", Text, nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("result", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Index("offer_pending_key", "work_item_id", unique=True, postgresql_where=text("result is null")),
    Index("offer_work_item_id_ix", "work_item_id"),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["reason"]},
        none=["result"],
        staff=["agent_id", "agent_name"],
    ),
)

# Timers are rows, due by the database's clock; a fired one is gone in the transaction of its effect.
TIMER = Table(
    "timer",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("subject", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Index("timer_due_at_ix", "due_at"),
    info=personal(none=["kind"]),
)

DECISION = Table(
    "decision",
    METADATA,
    Column("decision_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    Column("trace", JSONB, nullable=False),
    Column("outcome", JSONB),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("shadow", JSONB),
    Index("decision_work_item_id_ix", "work_item_id"),
    Index("decision_at_ix", text("at desc"), text("decision_id desc")),
    Index("decision_shadow_ix", text("(shadow ->> 'shadow_id')"), text("at desc"), text("decision_id desc"),
          postgresql_where=text("shadow is not null")),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["context", "trace", "outcome", "shadow"]},
        none=["rule", "reason"],
    ),
)  # fmt: skip

# The newest revision of each case that was heard of, since when it awaits an answer by that, who worked on it last, and
# `answers` (the case's revision once each was written, and when it was sent) to what was not heard of yet.
CASE_SEEN = Table(
    "case_seen",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("last_agent", Text),
    Column("last_at", DateTime(timezone=True)),
    Column("awaiting_since", DateTime(timezone=True)),
    Column("answers", JSONB, nullable=False, server_default="[]"),
    *awaiting_columns(),
    info=personal(
        by={"case_id -> work_item.customer_id": ["set_aside"]},
        none=["answers", "reference"],
        staff=["last_agent"],
    ),
)
RECONCILIATION, FINDING = reconciliation_tables(METADATA)

# What a batch asks by its keys says `in (select unnest())`, not `= any()`: a plan that was kept since the table was small reads all of it for as long as the statistics
# are old, and then compares each row with each key.
_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_VERSION = text("select max(version) as version from configuration where share is null")
_LATEST = text(
    "select version, sha256, source from configuration where share is null order by version desc limit 1"
)
_LOCK_CONFIGURATION = text(f"select pg_advisory_xact_lock({0x636F6E66})")  # "conf"
_HEAR_OF_CASES = text(
    """
    with made as (
        insert into case_seen (case_id, revision) select unnest(:ids), 0 on conflict do nothing returning *
    ), known as (
        select * from case_seen where case_id in (select unnest(:ids)) order by case_id for update
    )
    select * from made union all select * from known
    """
).bindparams(_IDS)
_CASES = text("select * from case_seen where case_id = any(:ids) order by case_id for update").bindparams(
    _IDS
)
_OPEN = text(
    "select * from work_item where case_id in (select unnest(:ids)) and state <> 'completed' order by work_item_id for update"
).bindparams(_IDS)
_FREE_CASES = text(
    "select case_id from case_seen where case_id = any(:ids) order by case_id for update skip locked"
).bindparams(_IDS)
_FREE_WORK = text(
    "select work_item_id from work_item where case_id = any(:ids) and state <> 'completed' "
    "order by work_item_id for update skip locked"
).bindparams(_IDS)
_LOCK_CASE_OF = text(
    "select 1 from case_seen where case_id = (select case_id from work_item where work_item_id = :item) for update"
)
_SET_ASIDE = text("update case_seen set set_aside = :why where case_id = :case_id")
_LAST = text(
    "select distinct on (case_id) * from work_item where case_id in (select unnest(:ids)) "
    "order by case_id, state = 'completed', queued_at desc, work_item_id"
).bindparams(_IDS)
_RUNNING = text(
    "select * from clock where case_id in (select unnest(:ids)) and met_at is null and cancelled_at is null order by started_at, clock_id"
).bindparams(_IDS)
_PENDING = text(
    "select * from offer where work_item_id in (select unnest(:ids)) and result is null"
).bindparams(_IDS)
_PASS = text(
    """
    select pg_try_advisory_xact_lock(:lock) as mine,
        array(
            select q.name from unnest(:queues) as q(name)
            where exists (select 1 from work_item where state = 'queued' and queue = q.name)
        ) as waiting,
        exists (select 1 from work_item where state = 'queued' and also_queues <> '{}') as widened
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))
# Of an offer that was refused, in SQL.
REFUSED = f"result in ({', '.join(repr(result.value) for result in REFUSALS)})"
ASSIGN = "assign"
# Of timers that are about no one thing.
NO_SUBJECT = UUID(int=0)
_REVIEW = text(
    f"insert into timer (kind, subject, due_at) values (:kind, '{NO_SUBJECT}', :due) "
    "on conflict (kind, subject) do update set due_at = least(timer.due_at, excluded.due_at)"
)
_WAKE = text(f"select pg_notify('{ASSIGN}', '')")


async def wake(tx: AsyncConnection) -> None:
    """Wakes the assignment when this transaction commits."""
    await tx.execute(_WAKE)


async def review_at(tx: AsyncConnection, due: datetime) -> None:
    """Where work waits is looked through then, if not before."""
    await tx.execute(_REVIEW, {"kind": TimerKind.REVIEW, "due": due})


async def version(tx: AsyncConnection) -> int | None:
    """The version of the configuration in force, for all cases or for those beside a share."""
    (row,) = await fetch(tx, _VERSION, {})
    found: int | None = row.version
    return found


async def latest_configuration(tx: AsyncConnection) -> AnyRow | None:
    """The configuration in force, for all cases or for those beside a share: version, sha256, source."""
    return (await tx.execute(_LATEST)).one_or_none()


async def lock_configuration(tx: AsyncConnection) -> None:
    """Lets one transaction at a time decide what comes into force next; the others see what it did."""
    await tx.execute(_LOCK_CONFIGURATION)


async def work_items(
    tx: AsyncConnection, statement: TextClause, given: Mapping[str, object]
) -> list[WorkItem]:
    """The work items that a statement selects with all their columns, in its order."""
    return [WorkItem.of(mapping(row)) for row in await fetch(tx, statement, given)]


async def work_item(tx: AsyncConnection, work_item_id: UUID, *, lock: bool = False) -> WorkItem | None:
    """A work item, if there is one; `lock`, locked."""
    query = select(WORK).where(WORK.c.work_item_id == work_item_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else WorkItem.of(mapping(row))


async def lock_cases(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, CaseSeen]:
    """What was heard of these cases, locked in id order; made for those never heard of."""
    given = {"ids": sorted(ids)}
    rows = [*await fetch(tx, _HEAR_OF_CASES, given)]
    if len({row.case_id for row in rows}) < len(ids):
        # Another transaction made one and committed meanwhile: the next statement sees it.
        rows += await fetch(tx, _CASES, given)
    return {row.case_id: CaseSeen.of(mapping(row)) for row in rows}


async def lock_case_of(tx: AsyncConnection, work_item_id: UUID) -> None:
    """Locks what was heard of a work item's case: to be done before its work is locked."""
    await fetch(tx, _LOCK_CASE_OF, {"item": work_item_id})


async def set_aside(tx: AsyncConnection, case_id: UUID, why: str) -> None:
    """The case may still await an answer, and has no work until it is heard of again: somebody decided so."""
    await fetch(tx, _SET_ASIDE, {"case_id": case_id, "why": why})


async def open_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, WorkItem]:
    """The open work item of each case, locked."""
    if not case_ids:
        return {}
    return {work.case_id: work for work in await every_open_work(tx, case_ids)}


async def free_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, WorkItem]:
    """The newest work item of each case, case and open work locked; cases that another transaction holds are left out."""
    if not case_ids:
        return {}
    free = [row.case_id for row in await fetch(tx, _FREE_CASES, {"ids": list(case_ids)})]
    mine = {row.work_item_id for row in await fetch(tx, _FREE_WORK, {"ids": free})}
    found = await last_work(tx, free)
    # An open one is the newest: one that was not to be had is somebody else's.
    return {
        case_id: work
        for case_id, work in found.items()
        if work.state == WorkState.COMPLETED or work.work_item_id in mine
    }


async def every_open_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> list[WorkItem]:
    """The open work of these cases, locked, also where there is more of it than may be."""
    return await work_items(tx, _OPEN, {"ids": list(case_ids)})


async def last_work(
    tx: AsyncConnection, case_ids: Sequence[UUID], opened: Mapping[UUID, WorkItem] = MappingProxyType({})
) -> dict[UUID, WorkItem]:
    """The newest work item of each case, open or not; `opened` is open work that was read and locked before."""
    if not case_ids:
        return {}
    rows = await fetch(tx, _LAST, {"ids": list(case_ids)})
    return {row.case_id: opened.get(row.case_id) or WorkItem.of(mapping(row)) for row in rows}


async def running_clocks(tx: AsyncConnection, case_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """The clocks that run on the cases, or are paused. Nobody changes them while the case, or its open work, is locked."""
    return await fetch(tx, _RUNNING, {"ids": list(case_ids)}) if case_ids else []


async def pending_offers(tx: AsyncConnection, work_item_ids: Sequence[UUID]) -> dict[UUID, OfferRecord]:
    """The offer that is out for each work item."""
    if not work_item_ids:
        return {}
    rows = await fetch(tx, _PENDING, {"ids": list(work_item_ids)})
    return {row.work_item_id: OfferRecord.of(mapping(row)) for row in rows}


async def begin_pass(tx: AsyncConnection, lock: int, queues: Sequence[str]) -> AnyRow:
    """Begins an assignment pass: whether it is `mine` alone, in which queues work is `waiting`, whether any is `widened` to others."""
    (row,) = await fetch(tx, _PASS, {"lock": lock, "queues": list(queues)})
    return row


async def upsert(tx: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows by their primary key: new ones are added, those that are there get these values."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    rest = [name for name in rows[0] if name not in key]
    changed = ", ".join(f"{name} = excluded.{name}" for name in rest)
    await insert_rows(tx, table, rows, then=f"on conflict ({', '.join(key)}) do update set {changed}")


def set_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID, datetime]]) -> None:
    """Sets timers (kind, subject, due); one that is set already gets the new time."""
    rows = [{"kind": kind.value, "subject": subject, "due_at": due} for kind, subject, due in timers]
    writes.insert(TIMER, rows, then="on conflict (kind, subject) do update set due_at = excluded.due_at")


def drop_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID]]) -> None:
    """Forgets timers."""
    if timers:
        given = recordset([TIMER.c.kind, TIMER.c.subject], "{rows}")
        # One that fires this moment finds nothing left to do: to wait for it could be to wait for each other.
        writes.add(
            f"delete from timer t using (select kind, subject from timer join {given} r using (kind, subject) "
            "for update of timer skip locked) r where t.kind = r.kind and t.subject = r.subject",
            rows=as_json([{"kind": kind.value, "subject": subject} for kind, subject in timers]),
        )


_TAKE_DUE = text(
    """
    with oldest as materialized (
        select kind from timer where due_at <= now() order by due_at limit 1 for update skip locked
    ), due as (
        select kind, subject from timer where due_at <= now() and kind = (select kind from oldest)
        order by due_at limit :limit for update skip locked
    )
    delete from timer t using due d where t.kind = d.kind and t.subject = d.subject
    returning t.kind, t.subject, t.due_at
    """
)


async def take_due(tx: AsyncConnection, limit: int) -> Sequence[AnyRow]:
    """Due timers, taken: they fire in this transaction or, if it fails, again. All are of the kind that is due longest.

    What fires takes locks, each kind in an order of its own: several kinds in one transaction would have none.
    """
    due = await tx.execute(_TAKE_DUE, {"limit": limit})
    return due.all()


async def next_due(connection: AsyncConnection) -> float | None:
    """Seconds until the next timer is due, by the database's clock."""
    found = await connection.scalar(
        text("select extract(epoch from min(due_at) - clock_timestamp()) from timer")
    )
    return None if found is None else float(found)
