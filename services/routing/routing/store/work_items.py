"""Work items, at most one open for each case."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    Index,
    Integer,
    Interval,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.http.pages import ChangeOrder, EarliestFirst, Export, KeysetPage
from antiphon.organisation.agent import Agent
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import XID8
from antiphon.postgres.query import AnyRow, fetch, mapping
from routing.domain.work_item import WorkItem
from routing.store.base import METADATA

View = TypeVar("View")

NEED = "cast(skills as text) || cast(profiles as text) || case when units = 0 then 'zero-unit' else '' end"

_IS_OPEN = "state <> 'completed'"


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
    Column("decision_id", Uuid),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("completed_at", DateTime(timezone=True)),
    Column("labels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("prefer_skills", JSONB, nullable=False, server_default="{}"),
    Column("units", Integer, nullable=False, server_default="1"),
    Column("hold_until", DateTime(timezone=True)),
    Column("step", Integer, nullable=False, server_default="0"),
    Column("steps_from", DateTime(timezone=True)),
    Column("next_step_at", DateTime(timezone=True)),
    Column("steps_hash", Text),
    Column("also_queues", ARRAY(Text), nullable=False, server_default="{}"),
    Column("overflow", Text),
    Column("decided_priority", Integer, nullable=False, server_default="0"),
    Column("decided_queue", Text),
    Column("deferred_move", JSONB),
    Column("order_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("overdue_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '1 day'")),
    Column("longest_wait", Interval, nullable=False, server_default=text("'1 day'")),
    Column("head_start", Interval, nullable=False, server_default=text("'1 minute'")),
    Column("profiles", JSONB, nullable=False, server_default="[]"),
    Column("need", Uuid, Computed(f"cast(md5({NEED}) as uuid)", persisted=True)),
    Column("completed_by", Text),
    Column("changed_xid", XID8, nullable=False, server_default=func.pg_current_xact_id()),
    Column("handover", JSONB),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Index("work_item_one_open_per_case_key", "case_id", unique=True, postgresql_where=text("state <> 'completed'")),
    Index("work_item_case_id_ix", "case_id"),
    Index(
        "work_item_waiting_ix", "queue", "due_at", text("priority desc"), "queued_at",
        postgresql_where=text("state = 'queued'"),
    ),
    Index("work_item_deferred_move_ix", "work_item_id", postgresql_where=text("deferred_move is not null and state in ('queued', 'offered')")),
    Index(
        "work_item_line_ix", "queue", "also_queues", "need", "order_at", "queued_at", "work_item_id",
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "work_item_overdue_ix", "queue", "also_queues", "need", "overdue_at", "queued_at", "work_item_id",
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "work_item_widened_ix", "queue", "also_queues", "need", postgresql_where=text("state = 'queued' and also_queues <> '{}'")
    ),
    Index(
        "work_item_done_ix", "completed_by", "completed_at",
        postgresql_where=text("completed_by is not null and profiles <> '[]'"),
    ),
    Index(
        "work_item_handover_ix", text("(handover ->> 'agent_id')"), "order_at",
        postgresql_where=text("state = 'queued' and handover ->> 'agent_id' is not null"),
    ),
    Index("work_item_held_ix", "agent_id", postgresql_where=text("state in ('offered', 'accepted')")),
    Index("work_item_oldest_ix", "queue", "queued_at", postgresql_where=text("state = 'queued'")),
    Index("work_item_changed_xid_ix", "changed_xid", "work_item_id"),
    Index("work_item_list_ix", text("changed_at desc"), text("work_item_id desc")),
    Index("work_item_due_ix", text("coalesce(due_at, 'infinity'::timestamptz)"), "work_item_id", postgresql_where=text(_IS_OPEN)),
    Index("work_item_queue_list_ix", "queue", text("changed_at desc"), text("work_item_id desc")),
    info=personal(
        by={"customer_id": ["subject", "labels", "handover"]},
        none=["case_reference", "channel", "state", "queue", "skills", "prefer_skills", "steps_hash", "also_queues", "overflow", "profiles", "decided_queue", "deferred_move", "changed_xid"],
        staff=["agent_id", "preferred", "completed_by"],
    ),
)  # fmt: skip


# Queries by the keys of a batch use `in (select unnest())`, not `= any()`: with old statistics, a cached plan of `= any()` reads the
# whole table and compares each row with each key.
_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))


_OPEN = text(
    "select * from work_item where case_id in (select unnest(:ids)) and state <> 'completed' order by work_item_id for update"
).bindparams(_IDS)


_OFFERED = text(
    "select w.* from work_item w join offer o using (work_item_id) "
    "where o.offer_id = any(:ids) and o.result is null order by w.work_item_id for update of w"
).bindparams(_IDS)


_HELD = text(
    "select * from work_item where state in ('offered', 'accepted') and agent_id = any(:agents) "
    "order by work_item_id limit :limit for update"
).bindparams(bindparam("agents", type_=ARRAY(TEXT)))


_OFFERED_TO = text(
    "select w.agent_id, w.queue, w.also_queues, o.directed from work_item w "
    "join offer o on o.work_item_id = w.work_item_id and o.result is null "
    "where w.state = 'offered' and w.agent_id = any(:agents)"
).bindparams(bindparam("agents", type_=ARRAY(TEXT)))


_FREE_CASES = text(
    "select case_id from case_record where case_id = any(:ids) order by case_id for update skip locked"
).bindparams(_IDS)


_FREE_WORK = text(
    "select work_item_id from work_item where case_id = any(:ids) and state <> 'completed' "
    "order by work_item_id for update skip locked"
).bindparams(_IDS)


_LAST = text(
    "select distinct on (case_id) * from work_item where case_id in (select unnest(:ids)) "
    "order by case_id, state = 'completed', revision desc, queued_at desc, work_item_id"
).bindparams(_IDS)


_HANDED_TO = "handover ->> 'agent_id'"
_IS_HANDED = f"state = 'queued' and {_HANDED_TO} is not null"
# The agents to whom work was handed are read by a loose index scan: from one to the next, however much waits for each.
PASS = text(
    f"""
    select pg_try_advisory_xact_lock(:lock) as mine,
        array(
            select q.name from unnest(:queues) as q(name)
            where exists (select 1 from work_item where state = 'queued' and queue = q.name)
        ) as waiting,
        exists (select 1 from work_item where state = 'queued' and also_queues <> '{{}}') as widened,
        array(
            with recursive handed as (
                (select {_HANDED_TO} as agent_id from work_item where {_IS_HANDED} order by {_HANDED_TO} limit 1)
                union all
                select w.agent_id from handed h cross join lateral (
                    select {_HANDED_TO} as agent_id from work_item
                    where {_IS_HANDED} and {_HANDED_TO} > h.agent_id order by {_HANDED_TO} limit 1
                ) w
            )
            select agent_id from handed
        ) as handed_to
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))


_COUNT = text("select state, count(*) as n from work_item group by state")


ASSIGN = "assign"


_WAKE = text(f"select pg_notify('{ASSIGN}', '')")


async def wake(tx: AsyncConnection) -> None:
    """Wakes the assignment when this transaction commits."""
    await tx.execute(_WAKE)


async def work_items(
    tx: AsyncConnection, statement: TextClause, parameters: Mapping[str, object]
) -> list[WorkItem]:
    """Returns the work items of a statement that selects all columns, in its order."""
    return [WorkItem.of(mapping(row)) for row in await fetch(tx, statement, parameters)]


async def work_item(tx: AsyncConnection, work_item_id: UUID, *, lock: bool = False) -> WorkItem | None:
    """Returns a work item, with `lock` locked; None when there is none."""
    query = select(WORK).where(WORK.c.work_item_id == work_item_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else WorkItem.of(mapping(row))


async def open_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, WorkItem]:
    """Returns the open work item of each case that has one, locked."""
    if not case_ids:
        return {}
    return {work.case_id: work for work in await every_open_work(tx, case_ids)}


async def free_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, WorkItem]:
    """Locks cases and their open work that no other transaction holds; returns the newest work item of each such case."""
    if not case_ids:
        return {}
    free = [row.case_id for row in await fetch(tx, _FREE_CASES, {"ids": list(case_ids)})]
    locked = {row.work_item_id for row in await fetch(tx, _FREE_WORK, {"ids": free})}
    newest = await last_work(tx, free)
    # An open work item is the newest of its case; if it is not locked here, another transaction holds it.
    return {
        case_id: work
        for case_id, work in newest.items()
        if work.state == WorkState.COMPLETED or work.work_item_id in locked
    }


async def every_open_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> list[WorkItem]:
    """Returns all open work of these cases, locked, also where a case has more than one."""
    return await work_items(tx, _OPEN, {"ids": list(case_ids)})


async def lock_held(
    tx: AsyncConnection, agent_ids: Sequence[str], limit: int | None = None
) -> list[WorkItem]:
    """The work that is offered to these agents or accepted by them, locked in id order; at most `limit` items."""
    return await work_items(tx, _HELD, {"agents": list(agent_ids), "limit": limit})


class Offered(NamedTuple):
    """Offered work: its agent, its queue, and the queues whose members may be offered it. `directed`: a person chose the agent."""

    agent_id: str
    queue: str
    queues: frozenset[str]
    directed: bool


async def offered(tx: AsyncConnection, agent_ids: Sequence[str]) -> list[Offered]:
    """The offered work of these agents, without locks."""
    rows = await fetch(tx, _OFFERED_TO, {"agents": list(agent_ids)})
    return [
        Offered(row.agent_id, row.queue, frozenset({row.queue, *row.also_queues}), row.directed)
        for row in rows
    ]


async def lock_offered(tx: AsyncConnection, offer_ids: Sequence[UUID]) -> list[WorkItem]:
    """The work items of those of these offers that are pending, locked in id order."""
    return await work_items(tx, _OFFERED, {"ids": list(offer_ids)})


async def last_work(
    tx: AsyncConnection, case_ids: Sequence[UUID], opened: Mapping[UUID, WorkItem] = MappingProxyType({})
) -> dict[UUID, WorkItem]:
    """Returns the newest work item of each case, open or completed; `opened` is open work that the caller read and locked."""
    if not case_ids:
        return {}
    rows = await fetch(tx, _LAST, {"ids": list(case_ids)})
    return {row.case_id: opened.get(row.case_id) or WorkItem.of(mapping(row)) for row in rows}


async def begin_pass(tx: AsyncConnection, lock: int, queues: Sequence[str]) -> AnyRow:
    """Begins an assignment pass, with the lock if it is free.

    Returns whether this transaction has the lock (`mine`), the queues with `waiting` work, whether any work is `widened`, and the
    agents to whom waiting work was `handed_to`.
    """
    (row,) = await fetch(tx, PASS, {"lock": lock, "queues": list(queues)})
    return row


BY_CHANGE = KeysetPage(WORK.c.changed_at, WORK.c.work_item_id)


BY_DUE = EarliestFirst(WORK.c.due_at, WORK.c.work_item_id)
"""Of open work."""


async def page(
    tx: AsyncConnection, order: KeysetPage | EarliestFirst, queue: str | None, state: str | None, agent_id: str | None,
    visible_to: Agent | None, cursor: str | None, limit: int, *, case_id: UUID | None = None,
) -> Sequence[AnyRow]:  # fmt: skip
    """Rows of a page BY_CHANGE or BY_DUE of the work of this queue, state, agent and case, where given.

    `visible_to`: only the agent's own work and that of their queues. Raises Problem 400 for a cursor that is none.
    """
    w, query = WORK.c, select(WORK)
    for column, value in ((w.queue, queue), (w.state, state), (w.agent_id, agent_id), (w.case_id, case_id)):
        if value is not None:
            query = query.where(column == value)
    if visible_to is not None:
        queues = visible_to.queues
        query = query.where(
            w.queue.in_(queues) | w.also_queues.overlap(queues) | (w.agent_id == visible_to.id)
        )
    if order is BY_DUE:
        query = query.where(text(_IS_OPEN))
    return (await tx.execute(order.after(query, cursor, limit))).all()


EXPORT = ChangeOrder(WORK.c.changed_xid, WORK.c.work_item_id)


async def export(
    tx: AsyncConnection, cursor: str | None, limit: int, view: Callable[[WorkItem], View]
) -> Export[View]:
    """A part of the export of all work, as views. Raises Problem 400 and 410 for a wrong cursor."""
    return await EXPORT.part(tx, select(WORK), cursor, limit, lambda row: view(WorkItem.of(mapping(row))))


async def count_by_state(tx: AsyncConnection) -> dict[str, int]:
    """How many work items are in each state."""
    return {row.state: row.n for row in await fetch(tx, _COUNT, {})}
