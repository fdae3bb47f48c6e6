"""Counts of work that are kept: each change adds a row with what causes it, and the rows are added up later (docs/adr/0008)."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, DateTime, Integer, Table, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from antiphon.postgres.writes import Writes
from routing.store.base import METADATA

# How many work items of a queue stand where (`minute` is the epoch) or came and went in a minute.
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
"""In place of a minute: what stands, not what came or went."""


class Movement(StrEnum):
    """What is counted by the minute. Of work that came with a label, the label stands where else the queue does."""

    ARRIVED = "arrived"
    COMPLETED = "completed"
    LABELLED = "labelled"


CountChanges = Counter[tuple[datetime, str, WorkState | Movement]]
"""By how much the count of a minute (or CURRENT), a queue or label and a state or a movement changed."""


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


HEADS = text(
    """
    select q.name as queue,
        (select min(queued_at) from work_item where state = 'queued' and queue = q.name) as oldest_queued_at,
        (select min(due_at) from work_item where state = 'queued' and queue = q.name) as next_due_at
    from unnest(:queues) as q(name)
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))


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
    """Notes by how much counts changed."""
    rows = [
        {"minute": minute, "queue": queue, "what": what, "count": count}
        for (minute, queue, what), count in changed.items()
        if count
    ]
    writes.insert(WORK_COUNT_CHANGE, rows)


async def read(tx: AsyncConnection, now: datetime) -> Sequence[AnyRow]:
    """By queue and `what` (`queued`, `offered`, `accepted`; `arrived`, `completed`): `current`, and in minutes past."""
    return await fetch(tx, _COUNTS, {"now": now})


async def heads(tx: AsyncConnection, queues: Sequence[str]) -> dict[str, AnyRow]:
    """Of each queue, since when the first waits and when the first is due."""
    return {row.queue: row for row in await fetch(tx, HEADS, {"queues": list(queues)})}


async def add_up(tx: AsyncConnection) -> None:
    """Adds up what was noted, and forgets minutes long past."""
    await fetch(tx, _ADD_UP, {})
    await tx.execute(_FORGET, {"kept_for": KEPT_FOR})


async def counted_since(tx: AsyncConnection) -> datetime | None:
    """The first minute that anything is known of."""
    (row,) = await fetch(tx, _COUNTED_SINCE, {})
    found: datetime | None = row.minute
    return found


async def arrivals(tx: AsyncConnection, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[AnyRow]:
    """How many came to each queue and with each label in each span (from, until), by the `place` of the span from 1.

    A row has the `name` of the queue or, when it is `labelled`, of the label; none where nobody came.
    """
    starts, ends = [since for since, _ in spans], [until for _, until in spans]
    return await fetch(tx, _ARRIVALS, {"starts": starts, "ends": ends})
