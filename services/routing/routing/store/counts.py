"""Counts of work: each change adds a row in its own transaction, and a task adds the rows up later (docs/adr/0008)."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, DateTime, Integer, Table, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from antiphon.postgres.writes import Writes
from routing.domain.queues.surge import DAYS
from routing.store.base import METADATA

# How many work items of a queue are in a state (`minute` is the epoch), or arrived or were completed in a minute.
WORK_COUNT = Table(
    "work_count",
    METADATA,
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    info=personal(none=["queue", "what"]),
)


WORK_COUNT_CHANGE = Table(
    "work_count_change",
    METADATA,
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("queue", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("count", Integer, nullable=False),
    info=personal(none=["queue", "what"]),
)


KEPT_FOR = timedelta(days=35)


CURRENT = datetime(1970, 1, 1, tzinfo=UTC)
"""The `minute` of counts of the current states."""


class Movement(StrEnum):
    """What is counted by the minute. For `labelled` work, the column `queue` has the label."""

    ARRIVED = "arrived"
    COMPLETED = "completed"
    LABELLED = "labelled"


CountChanges = Counter[tuple[datetime, str, WorkState | Movement]]
"""The changes of counts, by minute (or CURRENT), queue or label, and state or movement."""


_COUNTS = text(
    """
    select queue, what,
        coalesce(sum(count) filter (where minute = 'epoch'), 0)::int as current,
        coalesce(sum(count) filter (where minute > :now - interval '5 minutes'), 0)::int as last_5,
        coalesce(sum(count) filter (where minute > :now - interval '30 minutes'), 0)::int as last_30,
        coalesce(sum(count) filter (where minute > 'epoch'), 0)::int as last_60
    from (
        select * from work_count where minute = 'epoch'
        union all select * from work_count where minute > :now - interval '60 minutes'
        union all select * from work_count_change where minute = 'epoch' or minute > :now - interval '60 minutes'
    ) t
    group by queue, what
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


_OPEN = text(
    """
    select queue, what, sum(count)::int as n from (
        select * from work_count where minute = 'epoch'
        union all select * from work_count_change where minute = 'epoch'
    ) t
    where cast(:queues as text[]) is null or queue = any(:queues)
    group by queue, what having sum(count) <> 0 order by queue, what
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))


MOST = 1_000
"""Work that is overdue or at risk is counted up to this number, so that the cost does not grow with the backlog."""


HEADS = text(
    f"""
    with warned as materialized (
        select w.queue, w.work_item_id from clock c join work_item w on w.case_id = c.case_id and w.state = 'queued'
        where c.warned <> '{{}}' and c.breached_at is null and c.met_at is null and c.cancelled_at is null
            and w.due_at > :now
        limit {MOST}
    )
    select q.name as queue,
        (select min(queued_at) from work_item where state = 'queued' and queue = q.name) as oldest_queued_at,
        (select min(due_at) from work_item where state = 'queued' and queue = q.name) as next_due_at,
        (select count(*) from (
            select 1 from work_item where state = 'queued' and queue = q.name and due_at <= :now limit {MOST}
        ) t)::int as overdue,
        (select least(count(*), {MOST}) from (
            (select work_item_id from work_item
             where state = 'queued' and queue = q.name and due_at > :now and due_at <= :soon limit {MOST})
            union select work_item_id from warned where queue = q.name
        ) t)::int as at_risk
    from unnest(:queues) as q(name)
    """
).bindparams(
    bindparam("queues", type_=ARRAY(TEXT)),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("soon", type_=DateTime(timezone=True)),
)


_USUAL = text(
    f"""
    with day as (
        select cast(:now as timestamptz) - make_interval(hours => 24 * n) as until from generate_series(1, {DAYS}) as n
    ), counted as materialized (
        select until from day
        where until - interval '60 minutes' >= (select min(minute) from work_count where minute > 'epoch')
    ), arrived as (
        select t.queue,
            sum(t.count) filter (where t.minute > c.until - interval '5 minutes') as last_5,
            sum(t.count) filter (where t.minute > c.until - interval '30 minutes') as last_30,
            sum(t.count) as last_60
        from counted c cross join lateral (
            select queue, minute, count from work_count
            where minute > c.until - interval '60 minutes' and minute <= c.until and what = '{Movement.ARRIVED}'
            union all
            select queue, minute, count from work_count_change
            where minute > c.until - interval '60 minutes' and minute <= c.until and what = '{Movement.ARRIVED}'
        ) t
        group by t.queue
    )
    select d.days, a.queue, coalesce(a.last_5, 0)::int as last_5, coalesce(a.last_30, 0)::int as last_30,
        coalesce(a.last_60, 0)::int as last_60
    from (select count(*)::int as days from counted) d left join arrived a on true
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


_ADD_UP = text(
    """
    with taken as (
        delete from work_count_change returning *
    )
    insert into work_count as t (minute, queue, what, count)
    select minute, queue, what, sum(count) from taken group by minute, queue, what order by minute, queue, what
    on conflict (minute, queue, what) do update set count = t.count + excluded.count
    """
)


_FORGET = text(
    "delete from work_count where minute > 'epoch' and minute < now() - cast(:kept_for as interval)"
)


_COUNTED_SINCE = text("select min(minute) as minute from work_count where minute > 'epoch'")


_TIMES = ARRAY(DateTime(timezone=True))


_ARRIVALS = text(
    f"""
    select s.place::int, t.queue as name, t.what = '{Movement.LABELLED}' as labelled, sum(t.count)::int as arrived
    from unnest(:starts, :ends) with ordinality as s(since, until, place)
    cross join lateral (
        select queue, what, count from work_count
        where minute >= s.since and minute < s.until and what in ('{Movement.ARRIVED}', '{Movement.LABELLED}')
        union all
        select queue, what, count from work_count_change
        where minute >= s.since and minute < s.until and what in ('{Movement.ARRIVED}', '{Movement.LABELLED}')
    ) t
    group by s.place, t.queue, t.what
    """
).bindparams(bindparam("starts", type_=_TIMES), bindparam("ends", type_=_TIMES))


def put(writes: Writes, changed: CountChanges) -> None:
    """Adds a row for each change of a count."""
    rows = [
        {"minute": minute, "queue": queue, "what": what, "count": count}
        for (minute, queue, what), count in changed.items()
        if count
    ]
    writes.insert(WORK_COUNT_CHANGE, rows)


async def read(tx: AsyncConnection, now: datetime) -> Sequence[AnyRow]:
    """Returns the counts by queue and `what` (a state or a movement): `current`, and of the last 5, 30 and 60 minutes."""
    return await fetch(tx, _COUNTS, {"now": now})


async def open_work(tx: AsyncConnection, queues: Sequence[str] | None) -> dict[str, dict[WorkState, int]]:
    """How much open work is in each of these queues (None: all), by state; 0 is left out."""
    counted: dict[str, dict[WorkState, int]] = {}
    for row in await fetch(tx, _OPEN, {"queues": None if queues is None else list(queues)}):
        counted.setdefault(row.queue, {})[WorkState(row.what)] = row.n
    return counted


async def heads(
    tx: AsyncConnection, queues: Sequence[str], now: datetime, soon: datetime
) -> dict[str, AnyRow]:
    """Returns for each queue since when its longest waiting item waits, and when the first item is due.

    Also how many that wait are `overdue` at `now`, and how many are `at_risk`: due by `soon`, or with a warning of their SLA.
    """
    rows = await fetch(tx, HEADS, {"queues": list(queues), "now": now, "soon": soon})
    return {row.queue: row for row in rows}


class UsualArrivals(NamedTuple):
    """How many work items usually arrive in 5, 30 and 60 minutes at this time of the day."""

    last_5: float
    last_30: float
    last_60: float


async def usual(tx: AsyncConnection, queues: Sequence[str], now: datetime) -> dict[str, UsualArrivals]:
    """Returns for each queue the mean of the arrivals at the same time on the days that surges are compared with.

    It has no queue while less than a day is counted.
    """
    rows = await fetch(tx, _USUAL, {"now": now.replace(second=0, microsecond=0)})
    days = rows[0].days
    if not days:
        return {}
    none = UsualArrivals(0.0, 0.0, 0.0)
    means = {
        row.queue: UsualArrivals(*(n / days for n in (row.last_5, row.last_30, row.last_60))) for row in rows
    }
    return {queue: means.get(queue, none) for queue in queues}


async def add_up(tx: AsyncConnection) -> None:
    """Adds up the changes, and deletes minutes older than `KEPT_FOR`."""
    await fetch(tx, _ADD_UP, {})
    await tx.execute(_FORGET, {"kept_for": KEPT_FOR})


async def counted_since(tx: AsyncConnection) -> datetime | None:
    """Returns the first minute that was counted; None: none was."""
    (row,) = await fetch(tx, _COUNTED_SINCE, {})
    first: datetime | None = row.minute
    return first


async def arrivals(tx: AsyncConnection, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[AnyRow]:
    """Counts the arrivals in each queue and with each label in each span (from, until), by the span's `place` from 1.

    A row has the `name` of the queue or, when it is `labelled`, of the label. There is no row for zero arrivals.
    """
    starts, ends = [since for since, _ in spans], [until for _, until in spans]
    return await fetch(tx, _ARRIVALS, {"starts": starts, "ends": ends})
