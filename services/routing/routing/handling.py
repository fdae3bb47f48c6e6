"""What people do with work that is theirs: they complete it or hand it on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkOffered, WorkState, WorkTransferred
from antiphon.problems import Problem, not_found
from routing import store
from routing.configurations import InForce
from routing.desk import Desk, Work, as_dict, facts, offer_facts
from routing.domain.sections.agents import Agent


async def locked(tx: AsyncConnection, work_item_id: UUID) -> Work:
    """A work item, locked. Raises Problem 404."""
    found = await tx.execute(
        select(store.WORK).where(store.WORK.c.work_item_id == work_item_id).with_for_update()
    )
    row = found.one_or_none()
    if row is None:
        raise not_found("work item")
    return as_dict(row)


async def complete(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, reason: str, *, anyones: bool, now: datetime
) -> Work:
    """Nothing more is to be done for now. Raises Problem 404, 409 when it is not theirs or over."""
    work = await locked(tx, work_item_id)
    if work["state"] == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and (work["state"] != WorkState.ACCEPTED or work["agent_id"] != by.id):
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work["agent_id"])
    desk = Desk(now)
    await withdraw(tx, desk, work, reason)
    desk.complete(work, by, reason)
    await desk.write(tx)
    return work


async def transfer(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, force: InForce, *,
    queue: str | None, agent: Agent | None, note: str | None, anyones: bool, now: datetime,
) -> Work:  # fmt: skip
    """Hands the work to another queue, or offers it to one agent. It keeps its place in time. Raises Problem 404, 409."""
    work = await locked(tx, work_item_id)
    if work["state"] == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and work["agent_id"] != by.id:
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work["agent_id"])
    desk = Desk(now)
    await withdraw(tx, desk, work, "transferred")
    before = work["queue"]
    changed: dict[str, Any] = {"state": WorkState.QUEUED, "agent_id": None}
    if queue is not None:
        changed |= {"queue": queue, "skills": {}, "prefer_skills": {}}
    desk.put(work, **changed)
    desk.tell(WorkTransferred(work=facts(work), by=by, from_queue=before, note=note))
    if agent is not None:
        expires_at = now + force.configuration.queues[work["queue"]].offer_timeout
        offer = desk.offer(work, agent.id, agent.name, expires_at)
        desk.tell(WorkOffered(work=facts(work), offer=offer_facts(offer)))
    await desk.write(tx)
    return work


async def withdraw(tx: AsyncConnection, desk: Desk, work: Work, reason: str) -> None:
    """Takes back the offer that is out for the work, if there is one."""
    pending = await store.pending_offers(tx, [work["work_item_id"]])
    for row in pending.values():
        desk.end_offer(as_dict(row), "withdrawn", reason)
