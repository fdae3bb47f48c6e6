"""The review: work that a new configuration, or a queue that closed, left where it can't stay, is put where it can.

What waits or is in hand comes to the steps and capacity profiles that there are now.

It runs when a configuration became active, when people set a queue, and when the hours of a queue end.
"""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.query import as_json, fetch
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.offer import OfferResult
from routing.domain.queues.escalation import EscalationKind
from routing.domain.queues.placement import Load, Place, place
from routing.queues import opening
from routing.unit_of_work import UnitOfWork
from routing.work import escalation

AT_ONCE = 200  # work items in one transaction; the rest is for the next, at once

_QUEUES = bindparam("queues", type_=ARRAY(TEXT))
_HOMELESS = text(
    "select * from work_item where state <> 'completed' and queue <> all(:queues) "
    "order by work_item_id limit :limit for update"
).bindparams(_QUEUES)
_ORPHANED = (
    "select {what} from work_item where state in ('offered', 'accepted') and agent_id <> all(:agents) "
    "order by {order} limit :limit"
)
_GONE = text(_ORPHANED.format(what="agent_id", order="agent_id")).bindparams(
    bindparam("agents", type_=ARRAY(TEXT))
)
_HELD = text(
    "select * from work_item where state in ('offered', 'accepted') and agent_id = any(:agents) "
    "order by work_item_id limit :limit for update"
).bindparams(bindparam("agents", type_=ARRAY(TEXT)))
_MEANT = text(
    "select * from work_item where deferred_move is not null and state in ('queued', 'offered') "
    "order by work_item_id limit :limit for update"
)
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
_COUNT = text(
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
    """One part of a review; how much was put elsewhere or planned anew. While there is some, the next part follows.

    A part locks work once, in the order of ids: what locks a second time holds what others who keep to it wait for.
    """
    active = await configurations.active(tx)
    for part in (_agents_gone, _queues_gone, _meant_elsewhere, _queues_closed, _planned_anew):
        if moved := await part(tx, active, now):
            break
    else:
        moved = await _counted_anew(tx, active)
    if moved:
        await store.timers.review_at(tx, now)
    elif closing := _next_closing(active, now):
        await store.timers.review_at(tx, closing)
    return moved


async def _agents_gone(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    given = {"agents": list(active.configuration.agents_by_id), "limit": AT_ONCE}
    gone = sorted({row.agent_id for row in await fetch(tx, _GONE, given)})
    if not gone:
        return 0
    await store.agents.lock(tx, gone)
    works = await store.work_items.work_items(tx, _HELD, {"agents": gone, "limit": AT_ONCE})
    unit = UnitOfWork(now)
    for offer in (await store.offers.pending_offers(tx, [work.work_item_id for work in works])).values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, "no longer an agent")
    for work in works:
        unit.requeue(work, f"{work.agent_id} is no longer an agent")
    await unit.write(tx)
    return len(works)


async def _queues_gone(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    configuration = active.configuration
    given = {"queues": list(configuration.queues), "limit": AT_ONCE}
    works = await store.work_items.work_items(tx, _HOMELESS, given)
    unit = UnitOfWork(now)
    for work in works:
        why = f"there is no queue {work.queue!r} any more"
        escalation.move(unit, work, active, Place(configuration.fallback, [why]), EscalationKind.MOVED)
    await unit.write(tx)
    return len(works)


async def _meant_elsewhere(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    """Work that waits again, and that words which came while an agent had it have meant for another queue."""
    unit = UnitOfWork(now)
    works = await store.work_items.work_items(tx, _MEANT, {"limit": AT_ONCE})
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


async def _queues_closed(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    configuration = active.configuration
    stands = opening.openings(active, now)
    closed = [
        key
        for key, queue in configuration.queues.items()
        if not stands[key].takes and queue.outside_hours.overflow is not None
    ]
    if not closed:
        return 0
    loads = await opening.loads(tx, active, now)
    leaving = [key for key in closed if place(configuration, stands, loads, key, None).queue != key]
    # What a rule keeps here, or sends elsewhere, is looked at by itself.
    found = (
        await store.work_items.work_items(tx, _WAITING, {"queues": leaving, "limit": AT_ONCE})
        if leaving
        else []
    )
    unit = UnitOfWork(now)
    moved = 0
    for work in found:
        to = place(configuration, stands, loads, work.queue, work.overflow)
        if to.queue != work.queue:
            moved += 1
            waiting = loads.get(to.queue, Load(0, 0.0))
            loads[to.queue] = waiting._replace(waiting=waiting.waiting + 1)
            escalation.move(unit, work, active, to, EscalationKind.OVERFLOW)
    await unit.write(tx)
    return moved


async def _planned_anew(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> int:
    steps_hashes = active.configuration.steps_hashes
    given = {"queues": list(steps_hashes), "steps_hashes": list(steps_hashes.values()), "limit": AT_ONCE}
    works = await store.work_items.work_items(tx, UNPLANNED, given)
    unit = UnitOfWork(now)
    for work in works:
        escalation.plan(unit, work, active)
    await unit.write(tx)
    return len(works)


async def _counted_anew(tx: AsyncConnection, active: ActiveVersion) -> int:
    """Open work counts against the capacity profiles that there are now; what was completed, against those that there were."""
    of = active.configuration.profiles_of
    given = [
        {
            "channel": kind.channel,
            "queue": kind.queue,
            "priority": kind.priority,
            "profiles": kind.profiles,
            "now": now,
        }
        for kind in await fetch(tx, KINDS, {})
        if (now := of(kind.channel, kind.queue, kind.priority)) != kind.profiles
    ]
    if not given:
        return 0
    await store.work_items.wake(tx)
    return len(await fetch(tx, _COUNT, {"kinds": as_json(given), "limit": AT_ONCE}))


def _next_closing(active: ActiveVersion, now: datetime) -> datetime | None:
    """When the next queue closes whose work goes elsewhere then."""
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
