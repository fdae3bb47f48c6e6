"""The backlog: waiting work by its requirements. A read costs by the free agents and the number of lines, not by the backlog.

Waiting work of one queue that requires the same skills and counts against the same capacity profiles is one line, ordered
by an index. A read takes from the head of each line as much as free agents can take. So it sees work that few agents can
do, however much other work is more urgent.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow, as_json, fetch, mapping
from routing.domain.matching.eligibility import Urgency, Waiting, urgency
from routing.domain.work_item import WorkItem
from routing.store.offers import REFUSED
from routing.store.work_items import work_items

# Loose index scans: from one line to the next, whatever their lengths.
_FIRST = "select queue, also_queues, need, skills, profiles, units from work_item where state = 'queued'"
_NEXT = "(also_queues, need) > (l.also_queues, l.need) order by also_queues, need limit 1"
LINES = text(
    f"""
    with recursive line as (
        select w.* from unnest(:queues) as q(name) cross join lateral (
            {_FIRST} and queue = q.name order by also_queues, need limit 1
        ) w
        union all
        select w.* from line l cross join lateral ({_FIRST} and queue = l.queue and {_NEXT}) w
    )
    select * from line
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))
_WIDENED = f"{_FIRST} and also_queues <> '{{}}'"
WIDENED = text(
    f"""
    with recursive line as (
        (select * from ({_WIDENED} order by queue, also_queues, need limit 1) w)
        union all
        select w.* from line l cross join lateral (
            {_WIDENED} and (queue, also_queues, need) > (l.queue, l.also_queues, l.need)
            order by queue, also_queues, need limit 1
        ) w
    )
    select * from line where also_queues && :queues
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))
_GIVEN = (
    "(select * from jsonb_to_recordset(cast(:lines as jsonb)) as given(line int, queue text, also_queues text[], need uuid, "
    "most int, is_overdue bool, order_at timestamptz, queued_at timestamptz, work_item_id uuid))"
)
_READ = (
    "work_item_id, skills, queued_at, preferred, prefer_skills, units, hold_until, attempts, profiles, "
    "handover ->> 'agent_id' as handed_to"
)
_OF_LINE = "state = 'queued' and queue = g.queue and also_queues = g.also_queues and need = g.need"
# What is overdue comes first, and is read by an index of its own. `is true` keeps the rest in the order of the other index: it
# skips at most what was read as overdue.
READ = text(
    f"""
    select g.line, g.queue, g.also_queues, w.*, r.refused from {_GIVEN} g
    cross join lateral (
        with overdue as materialized (
            select {_READ}, overdue_at as order_at, true as is_overdue
            from work_item where {_OF_LINE} and g.is_overdue and overdue_at <= :now
            and (overdue_at, queued_at, work_item_id) > (g.order_at, g.queued_at, g.work_item_id)
            order by overdue_at, queued_at, work_item_id limit g.most
        )
        select * from overdue
        union all
        (
            select {_READ}, order_at, false as is_overdue
            from work_item where {_OF_LINE} and (overdue_at > :now) is true
            and (order_at, queued_at, work_item_id)
                > (case when g.is_overdue then '-infinity' else g.order_at end, g.queued_at, g.work_item_id)
            order by order_at, queued_at, work_item_id limit g.most - (select count(*) from overdue)
        )
    ) w
    left join lateral (
        select jsonb_object_agg(agent_id, ended_at) as refused from (
            select agent_id, max(ended_at) as ended_at from offer
            where work_item_id = w.work_item_id and {REFUSED} group by agent_id
        ) o where w.attempts > 0
    ) r on true
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))
# Both skip locked rows instead of waiting, so their order can't cause a deadlock.
LOCK = text(
    """
    with a as materialized (
        select agent_id from agent where agent_id = any(:agents) order by agent_id for no key update skip locked
    ), w as materialized (
        select * from work_item where work_item_id = any(:items) and state = 'queued' order by work_item_id
        for update skip locked
    )
    select w.* from unnest(:items, :agents) as p(item, agent)
    join a on a.agent_id = p.agent join w on w.work_item_id = p.item
    """
).bindparams(bindparam("items", type_=ARRAY(PG_UUID(as_uuid=True))), bindparam("agents", type_=ARRAY(TEXT)))
# As `READ`, but in one order, and of work that waits since `waiting_since`, or is past due, and is held for nobody.
OLD = text(
    f"""
    select g.line, w.* from jsonb_to_recordset(cast(:lines as jsonb))
        as g(line int, queue text, also_queues text[], need uuid, most int, waiting_since timestamptz)
    cross join lateral (
        select * from work_item where {_OF_LINE} order by order_at, queued_at, work_item_id limit g.most
    ) w
    where (w.queued_at <= g.waiting_since or w.due_at <= :now) and (w.hold_until is null or w.hold_until <= :now)
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))
BEFORE_ALL = {
    "is_overdue": True,
    "order_at": "-infinity",
    "queued_at": "-infinity",
    "work_item_id": UUID(int=0),
}


class Line(NamedTuple):
    """Waiting work of a queue that is widened to the same other queues and has the same requirements."""

    queue: str
    also_queues: tuple[str, ...]
    need: UUID

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members may be offered it."""
        return frozenset({self.queue, *self.also_queues})


class Needed(NamedTuple):
    """What all work of a line requires of an agent; `zero_unit` work takes no units of capacity."""

    skills: Mapping[str, int]
    profiles: tuple[str, ...]
    zero_unit: bool


class Look(NamedTuple):
    """What was read: no work that sorts up to `until` is missing. None: no work was left unread."""

    items: list[Waiting]
    until: Urgency | None


async def lines(tx: AsyncConnection, queues: Sequence[str], *, widened: bool = True) -> dict[Line, Needed]:
    """Returns the lines whose work is for members of these queues; `widened`: also lines of other queues."""
    if not queues:
        return {}
    rows = [*await fetch(tx, LINES, {"queues": list(queues)})]
    if widened:
        rows += await fetch(tx, WIDENED, {"queues": list(queues)})
    return {
        Line(row.queue, tuple(row.also_queues), row.need): Needed(
            row.skills, tuple(row.profiles), row.units == 0
        )
        for row in rows
    }


async def old(
    tx: AsyncConnection, waiting_since: Mapping[Line, datetime], most: int, now: datetime
) -> list[tuple[Line, WorkItem]]:
    """Returns of the first `most` items of each line those that wait since this time or are past due, and are held for nobody."""
    if not waiting_since:
        return []
    lines = list(waiting_since)
    given = [
        {"line": n, **line._asdict(), "most": most, "waiting_since": waiting_since[line]}
        for n, line in enumerate(lines)
    ]
    rows = await fetch(tx, OLD, {"lines": as_json(given), "now": now})
    return [(lines[row.line], WorkItem.of(mapping(row))) for row in rows]


async def look(
    tx: AsyncConnection, wanted: Mapping[Line, int], now: datetime, page: int, possible: Callable[[Waiting], bool]
) -> Look:  # fmt: skip
    """Reads the head of each line until it has the wanted number of items that are `possible`, at most `page`.

    The items between them are in the result too.
    """
    read: dict[Line, list[Waiting]] = {line: [] for line in wanted}
    missing = {line: min(most, page) for line, most in wanted.items()}
    longer = set(wanted)
    while ahead := {line: missing[line] for line in longer if missing[line] > 0}:
        reading = list(ahead)
        heads = [
            {"line": n, **line._asdict(), "most": ahead[line], **_place(read[line])}
            for n, line in enumerate(reading)
        ]
        came = Counter[Line]()
        rows = await fetch(tx, READ, {"lines": as_json(heads), "now": now})
        for row in sorted(rows, key=_urgency_of_row):
            line, item = reading[row.line], waiting(row)
            read[line].append(item)
            came[line] += 1
            missing[line] -= possible(item)
        longer -= {line for line, most in ahead.items() if came[line] < most}
    # A line that was cut at a page may have more items that sort before items of other lines.
    until = min((urgency(read[line][-1]) for line in longer if wanted[line] > page), default=None)
    items = [
        item for line_items in read.values() for item in line_items if until is None or urgency(item) <= until
    ]
    return Look(items, until)


async def lock(tx: AsyncConnection, pairs: Sequence[tuple[UUID, str]]) -> dict[UUID, WorkItem]:
    """Locks the pairs whose agent and item no other transaction holds; returns the items that still wait, by id."""
    parameters = {"items": [item for item, _ in pairs], "agents": [agent for _, agent in pairs]}
    return {work.work_item_id: work for work in await work_items(tx, LOCK, parameters)}


def waiting(row: AnyRow) -> Waiting:
    """Returns a waiting work item as the matching reads it."""
    refused: Mapping[str, str] = row.refused or {}
    return Waiting(
        row.work_item_id,
        row.queue,
        row.skills,
        row.order_at,
        row.queued_at,
        {agent: datetime.fromisoformat(at) for agent, at in refused.items()},
        row.preferred,
        row.prefer_skills,
        row.units,
        row.hold_until,
        tuple(row.also_queues),
        tuple(row.profiles),
        row.is_overdue,
        row.handed_to,
    )


def _urgency_of_row(row: AnyRow) -> Urgency:
    """`urgency` of the item that is read from the row."""
    return not row.is_overdue, row.order_at, row.queued_at, row.work_item_id


def _place(read: Sequence[Waiting]) -> Mapping[str, object]:
    if not read:
        return BEFORE_ALL
    last = read[-1]
    return {
        "is_overdue": last.is_overdue,
        "order_at": last.order_at,
        "queued_at": last.queued_at,
        "work_item_id": last.work_item_id,
    }
