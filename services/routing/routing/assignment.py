"""The assignment: waiting work meets free agents, in one transaction a pass; and what agents make of their offers.

One pass runs at a time whatever the number of replicas (an advisory lock), each in a constant number of statements.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import outbox
from antiphon.changes import Change, record
from antiphon.contracts.agents import AgentFacts, AgentPresenceChanged, Presence
from antiphon.contracts.base import Actor
from antiphon.contracts.envelope import encode
from antiphon.contracts.work import (
    SkillNeed,
    SlaBreached,
    WorkAccepted,
    WorkDeclined,
    WorkOffered,
    WorkOfferTimedOut,
    WorkState,
    WorkTransferred,
)
from antiphon.database import AnyRow
from antiphon.problems import Problem, not_found
from routing import store
from routing.configurations import Configurations, InForce
from routing.desk import OFFER_TIMER, SERVICE, SLA_TIMER, Desk, Work, as_dict, clock_facts, facts, offer_facts
from routing.domain.configuration import Agent
from routing.domain.matching import Candidate, Waiting, match

_ONE_PASS = 0x61736967  # "asig"
MAX_PER_QUEUE = 200


def candidate(agent: Agent, row: AnyRow) -> Candidate:
    """An agent as the matching sees them."""
    return Candidate(
        agent.id, agent.queues, agent.skills, agent.capacity - row.load, row.load, row.idle_since
    )


async def assign(
    tx: AsyncConnection, configurations: Configurations, again_after: timedelta, now: datetime
) -> int:
    """One pass: offers the most urgent waiting work to the best free agents. Returns how many offers were made."""
    force = await configurations.in_force(tx, now.date())
    stands = await store.begin_pass(tx, _ONE_PASS, list(force.configuration.queues))
    if not stands.mine or not stands.waiting:
        return 0  # another replica is at it, and was woken too; or all is offered
    known = force.configuration.agents_by_id
    waiting = frozenset(stands.waiting)
    members = [agent.id for agent in known.values() if not waiting.isdisjoint(agent.queues)]
    everyone = [candidate(known[row.agent_id], row) for row in await store.available(tx, members)]
    queues = sorted(waiting & {queue for agent in everyone if agent.free > 0 for queue in agent.queues})
    rows = await store.waiting(tx, queues, MAX_PER_QUEUE) if queues else []
    if not rows:
        return 0
    items = [_waiting(row) for row in rows]
    pairs = dict(match(items, everyone, now, again_after))
    desk = Desk(now)
    for work in (as_dict(row) for row in rows if row.work_item_id in pairs):
        del work["refused"]
        agent = known[pairs[work["work_item_id"]]]
        expires_at = now + force.configuration.queues[work["queue"]].offer_timeout
        offer = desk.offer(work, agent.id, agent.name, expires_at)
        desk.tell(WorkOffered(work=facts(work), offer=offer_facts(offer)))
    await desk.write(tx)
    return len(pairs)


def _waiting(row: AnyRow) -> Waiting:
    refused: Mapping[str, str] = row.refused or {}
    return Waiting(
        row.work_item_id,
        row.queue,
        row.skills,
        row.due_at,
        row.priority,
        row.queued_at,
        {agent: datetime.fromisoformat(at) for agent, at in refused.items()},
        row.preferred,
    )


async def _locked_work(tx: AsyncConnection, work_item_id: UUID) -> Work:
    found = await tx.execute(
        select(store.WORK).where(store.WORK.c.work_item_id == work_item_id).with_for_update()
    )
    row = found.one_or_none()
    if row is None:
        raise not_found("work item")
    return as_dict(row)


async def _offered(
    tx: AsyncConnection, offer_id: UUID, agent_id: str | None, now: datetime
) -> tuple[Work, dict[str, Any]]:
    """A pending offer and its work item, locked. Raises Problem: 404 not theirs, 409 over, with who has the work."""
    table = store.OFFER
    found = (await tx.execute(select(table).where(table.c.offer_id == offer_id))).one_or_none()
    if found is None or (agent_id is not None and found.agent_id != agent_id):
        raise not_found("offer")
    work = await _locked_work(tx, found.work_item_id)
    offer = as_dict((await tx.execute(select(table).where(table.c.offer_id == offer_id))).one())
    if offer["result"] is not None or offer["expires_at"] <= now:
        ended = offer["result"] or "timed-out"
        raise Problem(
            409,
            "Conflict",
            f"The offer is over: {ended}.",
            result=ended,
            state=work["state"],
            agent_id=work["agent_id"],
        )
    return work, offer


async def accept(tx: AsyncConnection, offer_id: UUID, agent_id: str, now: datetime) -> Work:
    """The agent takes the work. Exactly one of any that try wins. Raises Problem 404, 409."""
    work, offer = await _offered(tx, offer_id, agent_id, now)
    desk = Desk(now)
    desk.end_offer(offer, "accepted")
    desk.put(work, state=WorkState.ACCEPTED)
    desk.tell(WorkAccepted(work=facts(work), offer=offer_facts(offer)))
    await desk.write(tx)
    return work


async def decline(
    tx: AsyncConnection, offer_id: UUID, agent_id: str, reason: str | None, now: datetime
) -> Work:
    """The work goes back to its place; this agent is not asked again while another can take it."""
    work, offer = await _offered(tx, offer_id, agent_id, now)
    desk = Desk(now)
    desk.end_offer(offer, "declined", reason)
    desk.put(work, state=WorkState.QUEUED, agent_id=None)
    desk.tell(WorkDeclined(work=facts(work), offer=offer_facts(offer), reason=reason))
    await desk.write(tx)
    return work


async def complete(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, reason: str, *, anyones: bool, now: datetime
) -> Work:
    """Nothing more is to be done for now. Raises Problem 404, 409 when it is not theirs or over."""
    work = await _locked_work(tx, work_item_id)
    if work["state"] == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and (work["state"] != WorkState.ACCEPTED or work["agent_id"] != by.id):
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work["agent_id"])
    desk = Desk(now)
    await _withdraw(tx, desk, work, reason)
    desk.complete(work, by, reason)
    await desk.write(tx)
    return work


async def transfer(
    tx: AsyncConnection, work_item_id: UUID, by: Actor, force: InForce, *,
    queue: str | None, agent: Agent | None, note: str | None, anyones: bool, now: datetime,
) -> Work:  # fmt: skip
    """Hands the work to another queue, or offers it to one agent. It keeps its place in time. Raises Problem 404, 409."""
    work = await _locked_work(tx, work_item_id)
    if work["state"] == WorkState.COMPLETED:
        raise Problem(409, "Conflict", "The work is completed already.")
    if not anyones and work["agent_id"] != by.id:
        raise Problem(409, "Conflict", "The work is not yours.", agent_id=work["agent_id"])
    desk = Desk(now)
    await _withdraw(tx, desk, work, "transferred")
    before = work["queue"]
    changed: dict[str, Any] = {"state": WorkState.QUEUED, "agent_id": None}
    if queue is not None:
        changed |= {"queue": queue, "skills": {}}
    desk.put(work, **changed)
    desk.tell(WorkTransferred(work=facts(work), by=by, from_queue=before, note=note))
    if agent is not None:
        expires_at = now + force.configuration.queues[work["queue"]].offer_timeout
        offer = desk.offer(work, agent.id, agent.name, expires_at)
        desk.tell(WorkOffered(work=facts(work), offer=offer_facts(offer)))
    await desk.write(tx)
    return work


async def _withdraw(tx: AsyncConnection, desk: Desk, work: Work, reason: str) -> None:
    pending = await store.pending_offers(tx, [work["work_item_id"]])
    for row in pending.values():
        desk.end_offer(as_dict(row), "withdrawn", reason)


async def set_presence(
    tx: AsyncConnection, agent: Agent, presence: Presence, reason: str, now: datetime
) -> None:
    """Whether work may be offered. Who logs off loses no work: it returns to its place at once."""
    table = store.AGENT
    before = (
        await tx.execute(select(table).where(table.c.agent_id == agent.id).with_for_update())
    ).one_or_none()
    previous = before.presence if before else Presence.OFFLINE.value
    if previous == presence:
        return
    row = {"agent_id": agent.id, "presence": presence, "since": now, "idle_since": now}
    await store.upsert(tx, table, [row])
    if presence == Presence.OFFLINE:
        await _return_work(tx, agent.id, reason, now)
    await _tell_presence(tx, agent, previous, presence, reason, now)
    await store.wake(tx)


async def _return_work(tx: AsyncConnection, agent_id: str, reason: str, now: datetime) -> None:
    held = await tx.execute(
        text(
            "select * from work_item where agent_id = :agent and state in ('offered', 'accepted') "
            "order by work_item_id for update"
        ),
        {"agent": agent_id},
    )
    works = [as_dict(row) for row in held]
    desk = Desk(now)
    for row in (await store.pending_offers(tx, [work["work_item_id"] for work in works])).values():
        desk.end_offer(as_dict(row), "withdrawn", reason)
    for work in works:
        desk.requeue(work, reason)
    await desk.write(tx)


async def _tell_presence(
    tx: AsyncConnection, agent: Agent, previous: str, presence: str, reason: str, now: datetime
) -> None:
    load = await tx.scalar(
        text("select count(*) from work_item where agent_id = :agent and state in ('offered', 'accepted')"),
        {"agent": agent.id},
    )
    event = AgentPresenceChanged(
        agent=AgentFacts(
            agent_id=agent.id,
            name=agent.name,
            presence=presence,
            skills=[SkillNeed(skill=skill, level=level) for skill, level in agent.skills.items()],
            queues=agent.queues,
            capacity=agent.capacity,
            load=load or 0,
        ),
        at=now,
        previous=previous,
        reason=reason,
    )
    await outbox.publish(tx, [encode(event, source=SERVICE, time=now)])
    await record(
        tx, [Change("presence", agent.id, [f"agent:{agent.id}"], {"presence": presence, "reason": reason})]
    )


async def fire_timers(
    tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 500
) -> int:
    """Fires what is due: offers that nobody answered, clocks that ran out. Each once, however late. Returns how many."""
    due = await store.take_due(tx, limit)
    offers = [timer.subject for timer in due if timer.kind == OFFER_TIMER]
    clocks = [timer.subject for timer in due if timer.kind == SLA_TIMER]
    if offers:
        await _expire(tx, offers, configurations, now)
    if clocks:
        await _breach(tx, clocks, now)
    return len(due)


async def _expire(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    pending = await tx.execute(
        text(
            "select w.* from work_item w join offer o using (work_item_id) "
            "where o.offer_id = any(:ids) and o.result is null order by w.work_item_id for update of w"
        ),
        {"ids": list(ids)},
    )
    works = {row.work_item_id: as_dict(row) for row in pending}
    desk = Desk(now)
    silent: dict[str, None] = {}
    for item, row in (await store.pending_offers(tx, list(works))).items():
        if row.offer_id not in ids:
            continue
        offer, work = as_dict(row), works[item]
        desk.end_offer(offer, "timed-out")
        desk.put(work, state=WorkState.QUEUED, agent_id=None)
        desk.tell(WorkOfferTimedOut(work=facts(work), offer=offer_facts(offer)))
        silent[offer["agent_id"]] = None
    await desk.write(tx)
    known = (await configurations.in_force(tx, now.date())).configuration.agents_by_id
    for agent_id in sorted(silent):
        if agent_id in known:
            await set_presence(tx, known[agent_id], Presence.NOT_RESPONDING, "an offer was not answered", now)


async def _breach(tx: AsyncConnection, ids: Sequence[UUID], now: datetime) -> None:
    table = store.CLOCK
    running = await tx.execute(
        select(table)
        .where(table.c.clock_id.in_(ids), table.c.met_at.is_(None), table.c.cancelled_at.is_(None))
        .where(table.c.breached_at.is_(None))
        .order_by(table.c.clock_id)
        .with_for_update()
    )
    clocks = [as_dict(row) for row in running]
    works = await store.last_work(tx, [clock["case_id"] for clock in clocks])
    desk = Desk(now)
    for clock in clocks:
        clock["breached_at"] = now
        desk.clocks.append(clock)
        work = as_dict(works[clock["case_id"]])
        desk.tell(SlaBreached(work=facts(work), clock=clock_facts(clock), breached_at=now))
        audience = [f"queue:{work['queue']}"] + ([f"agent:{work['agent_id']}"] if work["agent_id"] else [])
        desk.noted.append(
            Change("sla-breached", str(clock["clock_id"]), audience, {"case": work["case_reference"]})
        )
    await desk.write(tx)
