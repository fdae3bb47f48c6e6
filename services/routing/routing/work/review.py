"""The review moves open work that can't stay where it is, and applies the active steps and capacity profiles to it.

Work can't stay where its agent left or is away, where its queue was removed, or where its closed queue overflows. The review
runs when a version becomes active, when people set the state of a queue, when the hours of a queue end, and when the people
of the document change.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.query import as_json, fetch
from routing import store
from routing.agents import due_changes
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.offer import OfferResult
from routing.domain.queues.escalation import EscalationKind
from routing.domain.queues.placement import Load, Place, place
from routing.queues import opening
from routing.unit_of_work import UnitOfWork
from routing.work import escalation

BATCH_SIZE = 200  # work items in one transaction; the next transaction, which follows at once, takes more

_QUEUES = bindparam("queues", type_=ARRAY(TEXT))
_IN_REMOVED_QUEUES = text(
    "select * from work_item where state <> 'completed' and queue <> all(:queues) "
    "order by work_item_id limit :limit for update"
).bindparams(_QUEUES)
_REMOVED_AGENTS = text(
    "select agent_id from work_item where state in ('offered', 'accepted') and agent_id <> all(:agents) "
    "order by agent_id limit :limit"
).bindparams(bindparam("agents", type_=ARRAY(TEXT)))
_MEANT = text(
    "select * from work_item where deferred_move is not null and state in ('queued', 'offered') "
    "and (handover ->> 'agent_id' is null or hold_until is null or hold_until <= :now) "
    "order by work_item_id limit :limit for update"
)
_HAS_MEANT = text(
    "select exists (select 1 from work_item where work_item_id = any(:ids) and deferred_move is not null)"
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))
_WAITING = text(
    """
    select w.* from unnest(:queues) as q(name) join work_item w on w.queue = q.name
    where w.state = 'queued' order by w.work_item_id limit :limit for update of w skip locked
    """
).bindparams(_QUEUES)
UNPLANNED = text(
    """
    with open as materialized (select work_item_id, queue, steps_hash from work_item where state <> 'completed')
    select w.* from unnest(:queues, :steps_hashes) as q(name, steps_hash)
    join open on open.queue = q.name and open.steps_hash is distinct from q.steps_hash
    join work_item w using (work_item_id)
    where w.state <> 'completed' order by w.work_item_id limit :limit for update of w
    """
).bindparams(_QUEUES, bindparam("steps_hashes", type_=ARRAY(TEXT)))
KINDS = text("select distinct channel, queue, priority, profiles from work_item where state <> 'completed'")
_SET_PROFILES = text(
    """
    update work_item w set profiles = s.now from (
        select w.work_item_id, k.now from jsonb_to_recordset(cast(:kinds as jsonb))
            as k(channel text, queue text, priority int, profiles jsonb, now jsonb)
        join work_item w using (channel, queue, priority, profiles)
        where w.state <> 'completed' order by w.work_item_id limit :limit for update of w
    ) s
    where w.work_item_id = s.work_item_id returning w.work_item_id
    """
)


async def review(tx: AsyncConnection, configurations: Configurations, now: datetime) -> int:
    """Runs one part of the review. Returns how many work items it changed; unless 0, the next part follows at once.

    A part locks work once, in the order of ids. To lock a second time could be a deadlock with those who keep this order.
    """
    active = await configurations.active(tx, now)
    for part in (
        _people,
        _from_removed_agents,
        _from_removed_queues,
        _to_meant_queue,
        _from_closed_queues,
        _set_steps,
    ):
        if changed := await part(tx, active, now):
            break
    else:
        changed = await _set_profiles(tx, active)
    if changed:
        await store.timers.review_at(tx, now)
    elif coming := min(
        filter(None, (_next_closing(active, now), active.configuration.roster.until)), default=None
    ):
        await store.timers.review_at(tx, coming)
    return changed


async def end_holds(tx: AsyncConnection, work_item_ids: Sequence[UUID], now: datetime) -> None:
    """Gives work whose wait for one agent has ended to anybody, and moves it first where later messages meant it elsewhere."""
    if await tx.scalar(_HAS_MEANT, {"ids": list(work_item_ids)}):
        await store.timers.review_at(tx, now)
    await store.work_items.wake(tx)


async def _people(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    return int(await due_changes.apply(tx, active.configuration, now))


async def _from_removed_agents(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    values = {"agents": list(active.configuration.agents_by_id), "limit": BATCH_SIZE}
    removed = sorted({row.agent_id for row in await fetch(tx, _REMOVED_AGENTS, values)})
    if not removed:
        return 0
    await store.agents.lock(tx, removed)
    works = await store.work_items.lock_held(tx, removed, BATCH_SIZE)
    unit = UnitOfWork(now)
    for offer in (await store.offers.pending_offers(tx, [work.work_item_id for work in works])).values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, "no longer an agent")
    for work in works:
        unit.requeue(work, f"{work.agent_id} is no longer an agent")
    await unit.write(tx)
    return len(works)


async def _from_removed_queues(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    configuration = active.configuration
    values = {"queues": list(configuration.queues), "limit": BATCH_SIZE}
    works = await store.work_items.work_items(tx, _IN_REMOVED_QUEUES, values)
    unit = UnitOfWork(now)
    for work in works:
        why = f"there is no queue {work.queue!r} any more"
        escalation.move(unit, work, active, Place(configuration.fallback, [why]), EscalationKind.MOVED)
    await unit.write(tx)
    return len(works)


async def _to_meant_queue(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    """Moves work that waits for anybody again to the queue for which messages meant it while an agent had it.

    Work that a person handed to an agent stays while it waits for them.
    """
    unit = UnitOfWork(now)
    works = await store.work_items.work_items(tx, _MEANT, {"now": now, "limit": BATCH_SIZE})
    offers = await store.offers.pending_offers(tx, [work.work_item_id for work in works])
    names = {key: queue.name for key, queue in active.configuration.queues.items()}
    for work in works:
        meant = work.deferred_move
        if meant is None or meant.queue not in names or meant.queue == work.queue:
            unit.put(work, deferred_move=None)
            continue
        if (offer := offers.get(work.work_item_id)) is not None:
            unit.end_offer(offer, OfferResult.WITHDRAWN, f"meant for {names[meant.queue]}")
        why = f"the customer said more while {names.get(work.queue, work.queue)} had it"
        ready = unit.put(
            work, state=WorkState.QUEUED, agent_id=None, deferred_move=None, overflow=meant.overflow
        )
        moved = escalation.move(unit, ready, active, Place(meant.queue, [why]), EscalationKind.REDECIDED)
        unit.put(moved, skills=meant.skills, prefer_skills=meant.prefer_skills)
    await unit.write(tx)
    return len(works)


async def _from_closed_queues(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    configuration = active.configuration
    openings = opening.openings(active, now)
    closed = [
        key
        for key, queue in configuration.queues.items()
        if not openings[key].takes and queue.outside_hours.overflow is not None
    ]
    if not closed:
        return 0
    loads = await opening.loads(tx, active, now)
    leaving = [key for key in closed if place(configuration, openings, loads, key, None).queue != key]
    # A rule may keep work here or send it to another queue, so each item is placed by itself.
    waiting = (
        await store.work_items.work_items(tx, _WAITING, {"queues": leaving, "limit": BATCH_SIZE})
        if leaving
        else []
    )
    unit = UnitOfWork(now)
    moved = 0
    for work in waiting:
        to = place(configuration, openings, loads, work.queue, work.overflow)
        if to.queue != work.queue:
            moved += 1
            load = loads.get(to.queue, Load(0, 0.0))
            loads[to.queue] = load._replace(waiting=load.waiting + 1)
            escalation.move(unit, work, active, to, EscalationKind.OVERFLOW)
    await unit.write(tx)
    return moved


async def _set_steps(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    steps_hashes = active.configuration.steps_hashes
    values = {"queues": list(steps_hashes), "steps_hashes": list(steps_hashes.values()), "limit": BATCH_SIZE}
    works = await store.work_items.work_items(tx, UNPLANNED, values)
    unit = UnitOfWork(now)
    for work in works:
        escalation.plan(unit, work, active)
    await unit.write(tx)
    return len(works)


async def _set_profiles(tx: AsyncConnection, active: ActiveVersion) -> int:
    """Makes open work count against the active capacity profiles. Completed work keeps those that it counted against."""
    profiles_of = active.configuration.profiles_of
    kinds = [
        {
            "channel": kind.channel,
            "queue": kind.queue,
            "priority": kind.priority,
            "profiles": kind.profiles,
            "now": now,
        }
        for kind in await fetch(tx, KINDS, {})
        if (now := profiles_of(kind.channel, kind.queue, kind.priority)) != kind.profiles
    ]
    if not kinds:
        return 0
    await store.work_items.wake(tx)
    return len(await fetch(tx, _SET_PROFILES, {"kinds": as_json(kinds), "limit": BATCH_SIZE}))


def _next_closing(active: ActiveVersion, now: datetime) -> datetime | None:
    """When the next queue closes whose work overflows then."""
    moments: list[datetime] = []
    for queue in active.configuration.queues.values():
        if queue.hours is None or queue.outside_hours.overflow is None:
            continue
        calendar = active.calendars[queue.hours]
        change = calendar.next_change(now)
        if change is not None and not calendar.is_open(now):
            change = calendar.next_change(change)
        if change is not None:
            moments.append(change)
    return max(min(moments), now + timedelta(seconds=1)) if moments else None
