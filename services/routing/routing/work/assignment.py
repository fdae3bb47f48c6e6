"""The assignment offers waiting work to free agents. A pass is one transaction with a constant number of statements.

Of all replicas one runs a pass at a time (an advisory lock). A pass reads the backlog more than once only where the few
agents who can take some work have declined it.

New work needs no pass where nothing waits before it: the transaction that creates it offers it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.configuration.document import Configuration
from routing.domain.matching.agent_selection import AgentPool, match
from routing.domain.matching.eligibility import Waiting
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.unit_of_work import UnitOfWork
from routing.work import hand_overs
from routing.work.offering import candidate, offer_to

LOG = logs.get(__name__)
_PASS_LOCK = 0x61736967  # "asig"
MAX_ITEMS = 400
"""About how many items a pass reads of all lines together. It bounds how long a pass keeps its locks."""
_MIN_PAGE = 8


async def assign(
    tx: AsyncConnection, configurations: Configurations, again_after: timedelta, now: datetime
) -> int:
    """Runs one pass: offers the most urgent waiting work to the best free agents. Returns the number of offers.

    Work that waits for the agent to whom a person handed it goes before other work for that agent.
    """
    active = await configurations.active(tx, now)
    backlog = await store.work_items.begin_pass(tx, _PASS_LOCK, list(active.configuration.queues))
    if not backlog.mine or not backlog.waiting:
        return 0  # another replica runs a pass, and was woken too; or no work waits
    handed_over = (
        await hand_overs.offer_waiting(tx, active, backlog.handed_to, now) if backlog.handed_to else 0
    )
    return handed_over + await _offer_best(tx, active, backlog, again_after, now)


async def _offer_best(
    tx: AsyncConnection, active: ActiveVersion, backlog: AnyRow, again_after: timedelta, now: datetime
) -> int:
    """Offers waiting work to the best free agents; returns the number of offers."""
    open_queues = opening.open_queues(opening.openings(active, now))
    wanted = open_queues if backlog.widened else open_queues.intersection(backlog.waiting)
    members = [
        agent.id
        for agent in active.configuration.agents_by_id.values()
        if agent.away is None and not wanted.isdisjoint(agent.queues)
    ]
    days = active.configuration.days(now)
    rows = await store.agents.available(tx, members, active.configuration.routable, days)
    available = [candidate(active.configuration, row, now, open_queues) for row in rows]
    zero_unit = bool(active.configuration.zero_unit)
    free = (agent for agent in available if agent.offers > 0 and (zero_unit or agent.free > 0))
    queues = sorted(wanted & {queue for agent in free for queue in agent.queues})
    lines = await store.backlog.lines(tx, queues, widened=backlog.widened)
    # The review moves work out of queues that the configuration no longer has.
    offered = {line: needed for line, needed in lines.items() if line.queue in active.configuration.queues}
    pool = AgentPool(available)
    look = await _look(tx, offered, pool, again_after, now)
    if not look.items:
        return 0
    pairs = match(look.items, pool, now, again_after)
    if not pairs:
        return 0
    # Since they were read, an agent may have left or taken work, and work may have been taken or changed.
    locked = await store.backlog.lock(tx, pairs)
    unchanged = [
        item
        for item in look.items
        if item.work_item_id in locked and _is_unchanged(locked[item.work_item_id], item)
    ]
    locked_agents = sorted({agent_id for work_item_id, agent_id in pairs if work_item_id in locked})
    rows = await store.agents.available(tx, locked_agents, active.configuration.routable, days)
    confirmed = _confirm(pairs, rows, unchanged, active.configuration, now)
    unit = UnitOfWork(now)
    for work_item_id, agent_id in confirmed:
        _offer(unit, locked[work_item_id], agent_id, active.configuration)
    await unit.write(tx)
    if len(confirmed) < len(pairs) or (confirmed and look.until is not None):
        await store.work_items.wake(tx)  # agents who are still free may get more work
    return len(confirmed)


async def offer_new(
    tx: AsyncConnection, unit: UnitOfWork, configuration: Configuration, open_queues: Collection[str]
) -> None:
    """Offers the new work of a unit of work before it is written, to free agents for whom no other work waits.

    This saves a pass. Work that finds no agent waits, and the unit of work wakes the pass. A unit of work that also changes
    other work leaves everything to the pass: the free capacity of agents is read from the database.
    """
    new_work = [
        work
        for work in unit.new_work.values()
        if work.state == WorkState.QUEUED and work.queue in open_queues
    ]
    members = {agent.id: agent for work in new_work for agent in configuration.members.get(work.queue, ())}
    if not members or unit.work or unit.ended_offers:
        return
    their_queues = {queue for agent in members.values() for queue in agent.queues if queue in open_queues}
    days = configuration.days(unit.now)
    rows = await store.agents.available_for_new(
        tx, sorted(members), configuration.routable, days, their_queues
    )
    pool = AgentPool(candidate(configuration, row, unit.now, open_queues) for row in rows)
    items = [work.to_waiting(unit.now) for work in new_work]
    # No agent has refused new work yet.
    pairs = match(items, pool, unit.now, timedelta(0))
    if not pairs:
        return
    locked_agents = await store.agents.lock_free(tx, {agent_id for _, agent_id in pairs})
    rows = await store.agents.available_for_new(tx, locked_agents, configuration.routable, days, their_queues)
    confirmed = _confirm(pairs, rows, items, configuration, unit.now)
    unit.traceparent = None  # it is that of the last event, which need not have caused the offer
    for work_item_id, agent_id in confirmed:
        _offer(unit, unit.new_work[work_item_id], agent_id, configuration)
    if confirmed:
        LOG.info("new work offered without a pass", offers=len(confirmed))


def _offer(unit: UnitOfWork, work: WorkItem, agent_id: str, configuration: Configuration) -> None:
    agent, queue = configuration.agents_by_id[agent_id], configuration.queues[work.queue]
    offer_to(unit, work, agent, queue, at_once=agent.auto_accept or queue.auto_accept)


async def _look(
    tx: AsyncConnection,
    lines: Mapping[store.backlog.Line, store.backlog.Needed],
    pool: AgentPool,
    again_after: timedelta,
    now: datetime,
) -> store.backlog.Look:
    """Reads the most urgent work that a free agent can take now."""
    capacities = {line: capacity_for(pool, line, needed) for line, needed in lines.items()}
    wanted = {line: units for line, units in capacities.items() if units > 0}
    if not wanted:
        return store.backlog.Look([], None)
    page = max(_MIN_PAGE, MAX_ITEMS // len(wanted))
    return await store.backlog.look(
        tx, wanted, now, page, lambda item: pool.best(item, now, again_after) is not None
    )


def capacity_for(pool: AgentPool, line: store.backlog.Line, needed: store.backlog.Needed) -> int:
    """How much of a line's work the agents who can do it can still take: units, or items of zero-unit work."""
    return pool.capacity_for(line.queues, needed.skills, needed.profiles, zero_unit=needed.zero_unit)


def _confirm(
    pairs: Sequence[tuple[UUID, str]], rows: Sequence[AnyRow], items: Sequence[Waiting],
    configuration: Configuration, now: datetime,
) -> list[tuple[UUID, str]]:  # fmt: skip
    """The pairs of these items whose agents still have free capacity, by their `rows` as read after they were locked."""
    agents = {row.agent_id: candidate(configuration, row, now) for row in rows}
    pool = AgentPool(agents.values())
    by_id = {item.work_item_id: item for item in items}
    confirmed: list[tuple[UUID, str]] = []
    for work_item_id, agent_id in pairs:
        agent, item = agents.get(agent_id), by_id.get(work_item_id)
        if agent is not None and item is not None and pool.fits(item, agent):
            confirmed.append((work_item_id, agent_id))
            pool.give(item, agent)
    return confirmed


def _is_unchanged(work: WorkItem, item: Waiting) -> bool:
    return (work.queue, tuple(work.also_queues), work.skills, work.units, tuple(work.profiles)) == (
        item.queue, tuple(item.also_queues), item.needs, item.units, item.profiles,
    )  # fmt: skip
