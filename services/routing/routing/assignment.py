"""The assignment: waiting work meets free agents, in one transaction a pass.

One pass runs at a time whatever the number of replicas (an advisory lock), each in a constant number of statements.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow
from routing import handling, openness, staff, store
from routing.configurations import Configurations
from routing.desk import Desk, as_dict
from routing.domain.configuration import Configuration
from routing.domain.matching import Candidate, Waiting, match, taken
from routing.domain.sections.agents import Agent

_ONE_PASS = 0x61736967  # "asig"
MAX_PER_QUEUE = 200


def candidate(
    agent: Agent, row: AnyRow, now: datetime | None, given_out: Collection[str] | None = None
) -> Candidate:
    """An agent as the matching sees them, with those of their queues whose work is `given_out` (None: all).

    While they wrap up they have no room; `now` is None when that is to be over.
    """
    free = agent.capacity - row.load
    if now is not None and row.wrap_up_until is not None and row.wrap_up_until > now:
        free = min(free, 0)
    queues = [queue for queue in agent.queues if given_out is None or queue in given_out]
    return Candidate(agent.id, queues, agent.skills, free, row.load, row.idle_since)


async def assign(
    tx: AsyncConnection, configurations: Configurations, again_after: timedelta, now: datetime
) -> int:
    """One pass: offers the most urgent waiting work to the best free agents. Returns how many offers were made."""
    force = await configurations.in_force(tx)
    stands = await store.begin_pass(tx, _ONE_PASS, list(force.configuration.queues))
    if not stands.mine or not stands.waiting:
        return 0  # another replica is at it, and was woken too; or all is offered
    known = force.configuration.agents_by_id
    given_out = openness.given_out(await openness.standings(tx, force, now))
    wanted = given_out.intersection(stands.waiting)
    members = [agent.id for agent in known.values() if not wanted.isdisjoint(agent.queues)]
    routable = force.configuration.routable
    there = await staff.available(tx, members, routable)
    everyone = [candidate(known[row.agent_id], row, now, given_out) for row in there]
    queues = sorted(wanted & {queue for agent in everyone if agent.free > 0 for queue in agent.queues})
    rows = await store.waiting(tx, queues, MAX_PER_QUEUE) if queues else []
    if not rows:
        return 0
    items = [waiting(row) for row in rows]
    pairs = await _certain(tx, match(items, everyone, now, again_after), items, force.configuration, now)
    desk = Desk(now)
    for work in (as_dict(row) for row in rows if row.work_item_id in pairs):
        del work["refused"]
        agent = known[pairs[work["work_item_id"]]]
        queue = force.configuration.queues[work["queue"]]
        handling.give(desk, work, agent, queue, at_once=agent.auto_accept or queue.auto_accept)
    await desk.write(tx)
    return len(pairs)


async def _certain(
    tx: AsyncConnection, pairs: Sequence[tuple[UUID, str]], items: Sequence[Waiting],
    configuration: Configuration, now: datetime,
) -> dict[UUID, str]:  # fmt: skip
    """The pairs whose agents, locked now, are still there and have room: meanwhile they may have left or taken work."""
    if not pairs:
        return {}
    mine = await staff.lock_idle(tx, {agent_id for _, agent_id in pairs})
    there = await staff.available(tx, sorted(mine), configuration.routable)
    by_id = {item.work_item_id: item for item in items}
    agents = {row.agent_id: candidate(configuration.agents_by_id[row.agent_id], row, now) for row in there}
    certain: dict[UUID, str] = {}
    for work_item_id, agent_id in pairs:
        agent = agents.get(agent_id)
        units = taken(by_id[work_item_id], agent) if agent else 0
        if agent is not None and units <= agent.free:
            certain[work_item_id] = agent_id
            agents[agent_id] = agent._replace(free=agent.free - units, load=agent.load + units)
    if len(certain) < len(pairs):
        await store.wake(tx)
    return certain


def waiting(row: AnyRow) -> Waiting:
    """A waiting work item as the matching sees it."""
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
        row.units,
        row.hold_until,
    )
