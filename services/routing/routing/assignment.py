"""The assignment: waiting work meets free agents, in one transaction a pass.

One pass runs at a time whatever the number of replicas (an advisory lock), each in a constant number of statements.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkOffered
from antiphon.database import AnyRow
from routing import store
from routing.configurations import Configurations
from routing.desk import Desk, as_dict, facts, offer_facts
from routing.domain.matching import Candidate, Waiting, match
from routing.domain.sections.agents import Agent

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
        row.prefer_skills,
    )
