"""What agents and supervisors do with a work item: complete, transfer, assign, take back, reprioritise."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor
from antiphon.contracts.work import (
    CompletedBecause,
    WorkReprioritised,
    WorkState,
    WorkTransferred,
)
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.organisation.agent import Agent
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain import work_acts
from routing.domain.case_transition import after_dismissal
from routing.domain.matching.eligibility import Obstacle
from routing.domain.offer import OfferResult
from routing.domain.queues.escalation import arrival
from routing.domain.timer import TimerKind
from routing.domain.work_item import Changes, WorkItem
from routing.sla import clocks
from routing.unit_of_work import UnitOfWork
from routing.work import hand_overs
from routing.work.offering import offer_to


async def lock_work(tx: AsyncConnection, work_item_id: UUID) -> WorkItem:
    """Reads and locks a work item. Raises Problem 404."""
    work = await store.work_items.work_item(tx, work_item_id, lock=True)
    if work is None:
        raise not_found("work item")
    return work


async def complete(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, reason: str, *,
    anyones: bool, now: datetime,
) -> WorkItem:  # fmt: skip
    """Completes the work before its case is answered, and dismisses it with a reason.

    `anyones`: also work of others. Raises Problem 404, 409 when the work is completed or not theirs.
    """
    record = await store.cases.lock_case_of(tx, work_item_id)
    work = await lock_work(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(Kind.WORK_COMPLETED, "The work is completed already.")
    if not anyones and (work.state != WorkState.ACCEPTED or work.agent_id != by.id):
        raise Problem(Kind.WORK_OF_ANOTHER_AGENT, "The work is not yours.", agent_id=work.agent_id)
    unit = UnitOfWork(now)
    await withdraw(tx, unit, work, reason)
    queue = active.configuration.queues.get(work.queue)
    because = CompletedBecause.DISMISSED
    work = unit.complete(work, by, reason, because, queue.wrap_up if queue else None)
    if record is not None:
        dismissed = after_dismissal(record, f"{by.kind} {by.id}: {reason}")
        unit.seen.append(dismissed.replace(awaited_until=now))
    await unit.write(tx)
    return work


async def transfer(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, *,
    queue: str | None, agent: Agent | None, note: str | None, anyones: bool, now: datetime, wait: bool = False,
) -> WorkItem:  # fmt: skip
    """Moves the work to another queue, whose SLA policy applies from then on, or offers it to one agent.

    Its waiting time is kept. Who had it is asked last. `anyones`: also work of others. `wait`: it waits for an agent who can be
    offered nothing now. Raises Problem 404, 409 when the work is completed or not theirs, and without `wait` for such an agent.
    """
    locked = await store.agents.lock(tx, [agent.id]) if agent is not None else {}
    work = await lock_work(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(Kind.WORK_COMPLETED, "The work is completed already.")
    if not anyones and work.agent_id != by.id:
        raise Problem(Kind.WORK_OF_ANOTHER_AGENT, "The work is not yours.", agent_id=work.agent_id)
    why_not = await _why_not(tx, active, work, agent, now, is_locked=bool(locked)) if agent else None
    if agent is not None and why_not is not None and not wait:
        raise hand_overs.refused(agent, why_not)
    unit = UnitOfWork(now)
    await _take_from_holder(tx, unit, work, by, "transferred")
    before = work.queue
    changed: Changes = work_acts.handed_over(note)
    if queue is not None:
        moved = arrival(work, active.configuration, active.calendars, queue, now)
        changed = {**changed, **moved, "prefer_skills": {}}
    elif before not in active.configuration.queues:
        fallback = active.configuration.fallback
        changed = {**changed, **arrival(work, active.configuration, active.calendars, fallback, now)}
    work = unit.put(work, **changed)
    unit.publish(WorkTransferred(work=work.facts(), by=by, from_queue=before, note=note))
    if queue is not None:
        policies = {work_item_id: active.configuration.queues[queue].sla_policy}
        await clocks.recompute_clocks(tx, unit, active, [work], f"handed to {queue}", policies=policies)
        work = unit.current(work)
    if agent is not None and why_not is not None:
        work = _wait_for(unit, work, agent, note, at_once=False)
    elif agent is not None:
        work = offer_to(unit, work, agent, active.configuration.queues[work.queue], directed=True)
    await unit.write(tx)
    return work


async def _why_not(
    tx: AsyncConnection, active: ActiveVersion, work: WorkItem, agent: Agent, now: datetime, *, is_locked: bool
) -> Obstacle | None:  # fmt: skip
    """Why the agent can be offered nothing now. Raises Problem 409 when they have the work, or are offered it, already."""
    if work.agent_id == agent.id:
        has = "has the work already" if work.state == WorkState.ACCEPTED else "is offered the work already"
        raise Problem(Kind.WORK_HELD_ALREADY, f"{agent.name} {has}.", agent_id=agent.id)
    return await hand_overs.obstacle(tx, active, work, agent, now, is_locked=is_locked, by_capacity=True)


async def _take_from_holder(
    tx: AsyncConnection, unit: UnitOfWork, work: WorkItem, by: Actor, reason: str
) -> None:
    """Ends the offer by which an agent has the work. Who accepted it, or hands it on themselves, is asked last from then on."""
    offer = await store.offers.last_to(tx, work.work_item_id, work.agent_id) if work.agent_id else None
    if offer is not None:
        gives = work.state == WorkState.ACCEPTED or work.agent_id == by.id
        unit.end_offer(offer, OfferResult.HANDED_ON if gives else OfferResult.WITHDRAWN, reason)


def _wait_for(unit: UnitOfWork, work: WorkItem, agent: Agent, note: str | None, *, at_once: bool) -> WorkItem:
    """Makes the work wait for an agent who can be offered nothing now. When that takes too long, it is for anybody."""
    work = unit.put(work, **work_acts.held_for(work, agent.id, note, unit.now, at_once=at_once))
    if work.hold_until is not None:
        unit.timers.append((TimerKind.HOLD, work.work_item_id, work.hold_until))
    return work


async def assign(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, active: ActiveVersion, agent: Agent, reason: str | None, now: datetime,
    *, wait: bool = False,
) -> WorkItem:  # fmt: skip
    """Gives the work to an agent for a supervisor. The agent has it at once, whatever their capacity and skills.

    `wait`: an agent who gets no work in their presence has it when they do. Raises Problem: 404, 409 when the work is completed,
    when it is theirs already, and without `wait` for such an agent.
    """
    locked = await store.agents.lock(tx, [agent.id])
    work = await lock_work(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(Kind.WORK_COMPLETED, "The work is completed already.")
    if work.state == WorkState.ACCEPTED and work.agent_id == agent.id:
        raise Problem(Kind.WORK_HELD_ALREADY, f"{agent.name} has the work already.", agent_id=agent.id)
    why_not = await hand_overs.obstacle(
        tx, active, work, agent, now, is_locked=bool(locked), by_capacity=False
    )
    if why_not is not None and not wait:
        raise hand_overs.refused(agent, why_not)
    unit = UnitOfWork(now)
    await _take_from_holder(tx, unit, work, by, "assigned by a supervisor")
    before = work.queue
    queue = before if before in active.configuration.queues else active.configuration.fallback
    changed: Changes = work_acts.handed_over(reason)
    if queue != before:
        changed = {**changed, **arrival(work, active.configuration, active.calendars, queue, now)}
    work = unit.put(work, **changed)
    unit.publish(WorkTransferred(work=work.facts(), by=by, from_queue=before, note=reason))
    if why_not is not None:
        work = _wait_for(unit, work, agent, reason, at_once=True)
    else:
        queue_now = active.configuration.queues[work.queue]
        work = offer_to(unit, work, agent, queue_now, at_once=True, directed=True)
    await unit.write(tx)
    return work


async def take_back(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, reason: str, now: datetime
) -> WorkItem:
    """Takes the work from its agent for a supervisor. It returns to its place; other agents are offered it first.

    Raises Problem: 404, 409 when no agent has the work.
    """
    work = await lock_work(tx, work_item_id)
    if work.state not in {WorkState.OFFERED, WorkState.ACCEPTED}:
        raise Problem(Kind.WORK_WITHOUT_AGENT, f"Nobody has the work: it is {work.state}.", state=work.state)
    detail = f"taken back by {by.name or by.id}: {reason}"
    unit = UnitOfWork(now)
    offer = await store.offers.last_to(tx, work_item_id, work.agent_id)
    if offer is not None:
        unit.end_offer(offer, OfferResult.TAKEN_BACK, detail)
    work = unit.requeue(work, detail, hold_until=None)
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
    """Sets the priority for a supervisor, and recomputes the clocks. Raises Problem: 404, 409 when the work is completed."""
    work = await lock_work(tx, work_item_id)
    if work.state == WorkState.COMPLETED:
        raise Problem(Kind.WORK_COMPLETED, "The work is completed already.")
    previous = work.priority
    if previous == priority:
        return work
    unit = UnitOfWork(now)
    before = work.profiles
    profiles = active.configuration.profiles_of(work.channel, work.queue, priority)
    work = unit.put(work, priority=priority, profiles=profiles)
    unit.publish(WorkReprioritised(work=work.facts(), by=by, previous=previous, reason=reason))
    cause = f"priority {priority} by {by.name or by.id}"
    await clocks.recompute_clocks(tx, unit, active, [work], cause)
    await unit.write(tx)
    work = unit.current(work)
    if not set(before) <= set(profiles):
        await store.work_items.wake(tx)  # its agent has free capacity in a profile again
    return work


async def withdraw(tx: AsyncConnection, unit: UnitOfWork, work: WorkItem, reason: str) -> None:
    """Withdraws the pending offer of the work, if there is one."""
    pending = await store.offers.pending_offers(tx, [work.work_item_id])
    for offer in pending.values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
