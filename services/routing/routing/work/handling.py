"""What people do with work that is theirs: they complete it or hand it on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkAccepted, WorkOffered, WorkReprioritised, WorkState, WorkTransferred
from antiphon.http.problems import Problem, not_found
from antiphon.postgres.query import mapping
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.configuration.agent import Agent
from routing.domain.configuration.queue import Queue
from routing.domain.offer import OfferRecord, OfferResult
from routing.domain.queues.escalation import arrival
from routing.domain.work_item import Changes, WorkItem
from routing.sla import clocks
from routing.unit_of_work import UnitOfWork


async def locked(tx: AsyncConnection, work_item_id: UUID) -> WorkItem:
    """A work item, locked. Raises Problem 404."""
    work = await store.work_items.work_item(tx, work_item_id, lock=True)
    if work is None:
        raise not_found("work item")
    return work


async def complete(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, reason: str, *,
    anyones: bool, now: datetime,
) -> WorkItem:  # fmt: skip
    """Nothing more is to be done for now: it is set aside with that reason. Raises Problem 404, 409 when it is not theirs or over."""
    await store.cases.lock_case_of(tx, work_item_id)
    work = await locked(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and (work.state != WorkState.ACCEPTED or work.agent_id != by.id):
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work.agent_id)
    unit = UnitOfWork(now)
    await withdraw(tx, unit, work, reason)
    queue = active.configuration.queues.get(work.queue)
    work = unit.complete(work, by, reason, queue.wrap_up if queue else None)
    await unit.write(tx)
    await store.cases.dismiss(tx, work.case_id, f"{by.kind} {by.id}: {reason}")
    return work


async def transfer(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, *,
    queue: str | None, agent: Agent | None, note: str | None, anyones: bool, now: datetime,
) -> WorkItem:  # fmt: skip
    """Hands the work to another queue, whose policy counts from then on, or offers it to one agent.

    The customer has waited since they have. Raises Problem 404, 409.
    """
    work = await locked(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and work.agent_id != by.id:
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work.agent_id)
    unit = UnitOfWork(now)
    await withdraw(tx, unit, work, "transferred")
    before = work.queue
    changed: Changes = {
        "state": WorkState.QUEUED,
        "agent_id": None,
        "hold_until": None,
        "deferred_move": None,
    }
    if queue is not None:
        came = arrival(work, active.configuration, active.calendars, queue, now)
        changed = {**changed, **came, "prefer_skills": {}}
    elif before not in active.configuration.queues:
        home = active.configuration.fallback
        changed = {**changed, **arrival(work, active.configuration, active.calendars, home, now)}
    work = unit.put(work, **changed)
    unit.tell(WorkTransferred(work=work.facts(), by=by, from_queue=before, note=note))
    if queue is not None:
        policies = {work_item_id: active.configuration.queues[queue].sla_policy}
        await clocks.recompute_clocks(tx, unit, active, [work], f"handed to {queue}", policies=policies)
        work = unit.current(work)
    if agent is not None:
        work = give(unit, work, agent, active.configuration.queues[work.queue])
    await unit.write(tx)
    return work


def give(unit: UnitOfWork, work: WorkItem, agent: Agent, queue: Queue, *, at_once: bool = False) -> WorkItem:
    """Offers the work to an agent; `at_once`, it is theirs without an answer. Either way both facts are told."""
    work, offer = unit.offer(work, agent.id, agent.name, unit.now + queue.offer_timeout)
    unit.tell(WorkOffered(work=work.facts(), offer=offer.facts()))
    if at_once:
        work = unit.accept_at_once(work, offer)
        unit.tell(WorkAccepted(work=work.facts(), offer=offer.facts()))
    return work


async def assign(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, agent: Agent, reason: str | None, now: datetime
) -> WorkItem:  # fmt: skip
    """A supervisor gives the work to an agent, who has it at once: whatever they hold, can or decline.

    Raises Problem: 404, 409 when it is over, is theirs already, or they are offline.
    """
    row = (await store.agents.lock(tx, [agent.id])).get(agent.id)
    work = await locked(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if work.state == WorkState.ACCEPTED and work.agent_id == agent.id:
        raise Problem(409, "Conflict", f"{agent.name} has the work already.", agent_id=agent.id)
    if row is None or row.presence == Presence.OFFLINE:
        raise Problem(409, "Conflict", f"{agent.name} is offline: nobody would see the work.")
    unit = UnitOfWork(now)
    await withdraw(tx, unit, work, "assigned by a supervisor")
    before = work.queue
    queue = before if before in active.configuration.queues else active.configuration.fallback
    changed: Changes = {"state": WorkState.QUEUED, "agent_id": None, "hold_until": None}
    if queue != before:
        changed = {**changed, **arrival(work, active.configuration, active.calendars, queue, now)}
    work = unit.put(work, **changed)
    unit.tell(WorkTransferred(work=work.facts(), by=by, from_queue=before, note=reason))
    work = give(unit, work, agent, active.configuration.queues[work.queue], at_once=True)
    await unit.write(tx)
    return work


async def take_back(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, reason: str, now: datetime
) -> WorkItem:
    """A supervisor takes the work from who has it: it returns to its place, and others are asked before they are.

    Raises Problem: 404, 409 when nobody has it.
    """
    work = await locked(tx, work_item_id)
    if work.state not in {WorkState.OFFERED, WorkState.ACCEPTED}:
        raise Problem(409, "Conflict", f"Nobody has the work: it is {work.state}.", state=work.state)
    told = f"taken back by {by.name or by.id}: {reason}"
    unit = UnitOfWork(now)
    table = store.offers.OFFER
    last = (
        select(table)
        .where(table.c.work_item_id == work_item_id, table.c.agent_id == work.agent_id)
        # What is open is ended, whatever other replicas' clocks said when they made the others.
        .order_by(table.c.result.is_not(None), table.c.offered_at.desc())
        .limit(1)
    )
    for row in await tx.execute(last):
        unit.end_offer(OfferRecord.of(mapping(row)), OfferResult.TAKEN_BACK, told)
    work = unit.requeue(work, told, hold_until=None)
    await unit.write(tx)
    return work


async def reprioritise(
    tx: AsyncConnection,
    work_item_id: UUID,
    by: Actor,
    priority: int,
    reason: str | None,
    active: ActiveVersion,
    now: datetime,
) -> WorkItem:
    """A supervisor makes the work more or less urgent; its clocks are recomputed. Raises Problem: 404, 409 when it is over."""
    work = await locked(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    previous = work.priority
    if previous == priority:
        return work
    unit = UnitOfWork(now)
    before = work.profiles
    profiles = active.configuration.profiles_of(work.channel, work.queue, priority)
    work = unit.put(work, priority=priority, profiles=profiles)
    unit.tell(WorkReprioritised(work=work.facts(), by=by, previous=previous, reason=reason))
    cause = f"priority {priority} by {by.name or by.id}"
    await clocks.recompute_clocks(tx, unit, active, [work], cause)
    await unit.write(tx)
    work = unit.current(work)
    if not set(before) <= set(profiles):
        await store.work_items.wake(tx)  # who has it has room again
    return work


async def withdraw(tx: AsyncConnection, unit: UnitOfWork, work: WorkItem, reason: str) -> None:
    """Takes back the offer that is out for the work, if there is one."""
    pending = await store.offers.pending_offers(tx, [work.work_item_id])
    for offer in pending.values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
