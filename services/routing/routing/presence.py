"""Presence: who is there, and what becomes of their work when they are not."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import outbox
from antiphon.changes import Change, record
from antiphon.contracts.agents import AgentFacts, AgentPresenceChanged, Presence
from antiphon.contracts.envelope import encode
from antiphon.contracts.work import SkillNeed
from routing import store
from routing.desk import SERVICE, Desk, as_dict
from routing.domain.sections.agents import Agent


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
