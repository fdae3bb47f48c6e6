"""The assignment: waiting work meets free agents, in one transaction a pass.

One pass runs at a time whatever the number of replicas (an advisory lock), each in a constant number of statements; a look
at what waits takes more of them only where work that few can take was declined by them.

New work does not wait for a pass where nothing waits before it: it is offered in the transaction that hears of it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from routing import store
from routing.configuration.active import Configurations
from routing.domain import agent_load
from routing.domain.configuration.document import Configuration
from routing.domain.matching.agent_selection import AgentPool, match
from routing.domain.matching.eligibility import Candidate, Waiting
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.unit_of_work import UnitOfWork
from routing.work import handling

LOG = logs.get(__name__)
_ONE_PASS = 0x61736967  # "asig"
MOST = 400
"""Items that a pass reads of all lines together, about: others wait for no longer than that many offers take."""
_LEAST_PAGE = 8


def candidate(
    configuration: Configuration, row: AnyRow, now: datetime | None, given_out: Collection[str] | None = None
) -> Candidate:
    """An agent as the matching sees them, with those of their queues whose work is `given_out` (None: all).

    While they wrap up they are made no offers, while they ramp up few; `now` is None when that is to be over.
    """
    agent = configuration.agents_by_id[row.agent_id]
    queues = [queue for queue in agent.queues if given_out is None or queue in given_out]
    offers = store.ramp_up.ANY
    if now is not None:
        wraps_up = row.wrap_up_until is not None and row.wrap_up_until > now
        offers = 0 if wraps_up else store.ramp_up.left(row, now)
    return Candidate(
        agent.id, queues, agent.skills, agent.capacity - row.load, row.load, row.idle_since, offers, row.zero_unit,
        agent_load.profile_loads(configuration, agent, row),
    )  # fmt: skip


async def assign(
    tx: AsyncConnection, configurations: Configurations, again_after: timedelta, now: datetime
) -> int:
    """One pass: offers the most urgent waiting work to the best free agents. Returns how many offers were made."""
    active = await configurations.active(tx)
    stands = await store.work_items.begin_pass(tx, _ONE_PASS, list(active.configuration.queues))
    if not stands.mine or not stands.waiting:
        return 0  # another replica is at it, and was woken too; or all is offered
    given_out = opening.given_out(opening.openings(active, now))
    wanted = given_out if stands.widened else given_out.intersection(stands.waiting)
    members = [
        agent.id
        for agent in active.configuration.agents_by_id.values()
        if not wanted.isdisjoint(agent.queues)
    ]
    days = active.configuration.days(now)
    there = await store.agents.available(tx, members, active.configuration.routable, days)
    everyone = [candidate(active.configuration, row, now, given_out) for row in there]
    zero_unit = bool(active.configuration.zero_unit)
    takers = (agent for agent in everyone if agent.offers > 0 and (zero_unit or agent.free > 0))
    queues = sorted(wanted & {queue for agent in takers for queue in agent.queues})
    lines = await store.backlog.lines(tx, queues, widened=stands.widened)
    # Work whose queue there is no more is moved on elsewhere.
    offered = {line: needed for line, needed in lines.items() if line.queue in active.configuration.queues}
    pool = AgentPool(everyone)
    found = await _look(tx, offered, pool, again_after, now)
    if not found.items:
        return 0
    pairs = match(found.items, pool, now, again_after)
    if not pairs:
        return 0
    # An agent may have left or taken work, work be taken or changed.
    locked = await store.backlog.lock(tx, pairs)
    same = [
        item for item in found.items if item.work_item_id in locked and _same(locked[item.work_item_id], item)
    ]
    mine = sorted({agent_id for item, agent_id in pairs if item in locked})
    still = await store.agents.available(tx, mine, active.configuration.routable, days)
    certain = _certain(pairs, still, same, active.configuration, now)
    unit = UnitOfWork(now)
    for work_item_id, agent_id in certain:
        _give(unit, locked[work_item_id], agent_id, active.configuration)
    await unit.write(tx)
    if len(certain) < len(pairs) or (certain and found.until is not None):
        await store.work_items.wake(tx)  # there may be more for who is still free
    return len(certain)


async def offer_new(
    tx: AsyncConnection, unit: UnitOfWork, configuration: Configuration, given_out: Collection[str]
) -> None:
    """Offers the new work of a unit of work, before it is written, where nothing waits for those who could take it.

    It is what a pass would do next, and spares it. What finds nobody waits, and the pass is woken for it. A unit of work that changes
    other work too leaves all to the pass: who has room is read from what is written.
    """
    fresh = [
        work for work in unit.new_work.values() if work.state == WorkState.QUEUED and work.queue in given_out
    ]
    members = {agent.id: agent for work in fresh for agent in configuration.members.get(work.queue, ())}
    if not members or unit.work or unit.ended_offers:
        return
    theirs = {queue for agent in members.values() for queue in agent.queues if queue in given_out}
    days = configuration.days(unit.now)
    there = await store.agents.available_for_new(tx, sorted(members), configuration.routable, days, theirs)
    pool = AgentPool(candidate(configuration, row, unit.now, given_out) for row in there)
    items = [work.to_waiting() for work in fresh]
    # Nobody has refused it yet.
    pairs = match(items, pool, unit.now, timedelta(0))
    if not pairs:
        return
    mine = await store.agents.lock_free(tx, {agent_id for _, agent_id in pairs})
    still = await store.agents.available_for_new(tx, mine, configuration.routable, days, theirs)
    made = _certain(pairs, still, items, configuration, unit.now)
    unit.traceparent = None  # the unit's is that of the last event
    for item, agent_id in made:
        _give(unit, unit.new_work[item], agent_id, configuration)
    if made:
        LOG.info("offers made at once", offers=len(made))


def _give(unit: UnitOfWork, work: WorkItem, agent_id: str, configuration: Configuration) -> None:
    agent, queue = configuration.agents_by_id[agent_id], configuration.queues[work.queue]
    handling.give(unit, work, agent, queue, at_once=agent.auto_accept or queue.auto_accept)


async def _look(
    tx: AsyncConnection,
    lines: Mapping[store.backlog.Line, store.backlog.Needed],
    pool: AgentPool,
    again_after: timedelta,
    now: datetime,
) -> store.backlog.Look:
    """The most urgent work that somebody who is free can take now."""
    room = {line: capacity_for(pool, line, needed) for line, needed in lines.items()}
    wanted = {line: units for line, units in room.items() if units > 0}
    if not wanted:
        return store.backlog.Look([], None)
    page = max(_LEAST_PAGE, MOST // len(wanted))
    return await store.backlog.look(
        tx, wanted, page, lambda item: pool.best(item, now, again_after) is not None
    )


def capacity_for(pool: AgentPool, line: store.backlog.Line, needed: store.backlog.Needed) -> int:
    """How much of a line's work those who can do it still can take."""
    return pool.capacity_for(line.queues, needed.skills, needed.profiles, zero_unit=needed.zero_unit)


def _certain(
    pairs: Sequence[tuple[UUID, str]], there: Sequence[AnyRow], items: Sequence[Waiting],
    configuration: Configuration, now: datetime,
) -> list[tuple[UUID, str]]:  # fmt: skip
    """The pairs of these items whose agents still have room, as they are `there` now that they are locked."""
    agents = {row.agent_id: candidate(configuration, row, now) for row in there}
    pool = AgentPool(agents.values())
    by_id = {item.work_item_id: item for item in items}
    certain: list[tuple[UUID, str]] = []
    for work_item_id, agent_id in pairs:
        agent, item = agents.get(agent_id), by_id.get(work_item_id)
        if agent is not None and item is not None and pool.fits(item, agent):
            certain.append((work_item_id, agent_id))
            pool.give(item, agent)
    return certain


def _same(work: WorkItem, item: Waiting) -> bool:
    return (work.queue, tuple(work.also_queues), work.skills, work.units, tuple(work.profiles)) == (
        item.queue, tuple(item.also_queues), item.needs, item.units, item.profiles,
    )  # fmt: skip
