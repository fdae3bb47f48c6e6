"""Handing work over: who can be offered it now, and the work that waits for the agent to whom a person handed it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.organisation.agent import Agent
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain.matching.agent_selection import AgentPool
from routing.domain.matching.eligibility import Obstacle, WhyNot, in_words, lacks_capacity, not_there
from routing.domain.work_item import WorkItem
from routing.store.work_items import work_items
from routing.unit_of_work import UnitOfWork
from routing.work.offering import candidate, offer_to

MOST = 100
"""How many work items that wait for an agent a pass offers them."""

# The limit is by agent, so that what a full agent can't take now keeps nobody else waiting.
WAITING_FOR = text(
    """
    select w.* from unnest(:agents) as a(id) cross join lateral (
        select * from work_item where state = 'queued' and handover ->> 'agent_id' = a.id and hold_until > :now
        order by order_at limit :most for update skip locked
    ) w
    """
).bindparams(bindparam("agents", type_=ARRAY(TEXT)))


async def offer_waiting(
    tx: AsyncConnection, active: ActiveVersion, agent_ids: Sequence[str], now: datetime
) -> int:
    """Offers these agents the work that waits for them alone, as far as they can take it now; returns how many items.

    What a supervisor assigned they have at once, whatever their capacity.
    """
    configuration, days = active.configuration, active.configuration.days(now)
    agents = configuration.agents_by_id
    known = [one for one in agent_ids if one in agents and agents[one].away is None]
    present = [row.agent_id for row in await store.agents.available(tx, known, configuration.routable, days)]
    locked = await store.agents.lock_free(tx, present) if present else []
    if not locked:
        return 0
    rows = await store.agents.available(tx, locked, configuration.routable, days)
    candidates = {row.agent_id: candidate(configuration, row, now) for row in rows}
    pool = AgentPool(candidates.values())
    unit, offered = UnitOfWork(now), 0
    parameters = {"agents": list(candidates), "now": now, "most": MOST}
    for work in await work_items(tx, WAITING_FOR, parameters):
        agent_id = work.held_for(now)
        queue = configuration.queues.get(work.queue)
        if agent_id is None or queue is None or work.handover is None:
            continue
        item, at_once = work.to_waiting(now), work.handover.at_once
        if at_once or pool.fits(item, candidates[agent_id]):
            pool.give(item, candidates[agent_id])
            agent = configuration.agents_by_id[agent_id]
            offer_to(unit, work, agent, queue, at_once=at_once, directed=True)
            offered += 1
    await unit.write(tx)
    return offered


async def obstacle(
    tx: AsyncConnection, active: ActiveVersion, work: WorkItem, agent: Agent, now: datetime, *, is_locked: bool,
    by_capacity: bool,
) -> Obstacle | None:  # fmt: skip
    """Why an agent can be offered nothing now, whatever their queues and skills; None when they can.

    `is_locked`: false for an agent who never was online and comes online at this moment at the earliest, so that they have no
    row to lock. `by_capacity`: also when they have no capacity for the work, wrap up or ramp up.
    """
    if agent.away is not None:
        return not_there(agent.away)
    configuration = active.configuration
    row = await store.agents.agent(tx, agent.id, configuration.days(now)) if is_locked else None
    presence = row.presence if row else Presence.OFFLINE.value
    if row is None or presence not in configuration.routable:
        return Obstacle(WhyNot.PRESENCE, presence=presence)
    if not by_capacity:
        return None
    if row.wrap_up_until is not None and row.wrap_up_until > now:
        return Obstacle(WhyNot.WRAP_UP, until=row.wrap_up_until)
    me = candidate(configuration, row, now)
    full = lacks_capacity(work.to_waiting(now), me)
    if full is None and me.offers < 1:
        return Obstacle(WhyNot.RAMP_UP, until=row.ramp_up_until)
    return full


def refused(agent: Agent, why: Obstacle) -> Problem:
    """409 for a hand-over to an agent who can be offered nothing now, with the reason as a code and in words."""
    return Problem(
        Kind.AGENT_UNAVAILABLE,
        f"{agent.name} can't be offered it now: {in_words(why)}. With wait: true it waits for them.",
        agent_id=agent.id, why_not=why.kind, presence=why.presence or None,
    )  # fmt: skip
