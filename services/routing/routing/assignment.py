"""The assignment: waiting work meets free agents, in one transaction a pass.

One pass runs at a time whatever the number of replicas (an advisory lock), each in a constant number of statements; a look
at what waits takes more of them only where work that few can take was declined by them.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow
from routing import backlog, easing, handling, openness, staff, store
from routing.configurations import Configurations
from routing.desk import Desk, Work, as_dict
from routing.domain.configuration import Configuration
from routing.domain.fitting import Candidate, Waiting
from routing.domain.matching import Floor, match

_ONE_PASS = 0x61736967  # "asig"
MOST = 400
"""Items that a pass reads of all lines together, about: others wait for no longer than that many offers take."""
_LEAST_PAGE = 8


def candidate(
    configuration: Configuration, row: AnyRow, now: datetime | None, given_out: Collection[str] | None = None
) -> Candidate:
    """An agent as the matching sees them, with those of their queues whose work is `given_out` (None: all).

    While they wrap up they are made no offers, while they ease in few; `now` is None when that is to be over.
    """
    agent = configuration.agents_by_id[row.agent_id]
    queues = [queue for queue in agent.queues if given_out is None or queue in given_out]
    offers = easing.ANY
    if now is not None:
        wraps_up = row.wrap_up_until is not None and row.wrap_up_until > now
        offers = 0 if wraps_up else easing.left(row, now)
    return Candidate(
        agent.id, queues, agent.skills, agent.capacity - row.load, row.load, row.idle_since, offers, row.light,
        staff.rooms(configuration, agent, row),
    )  # fmt: skip


async def assign(
    tx: AsyncConnection, configurations: Configurations, again_after: timedelta, now: datetime
) -> int:
    """One pass: offers the most urgent waiting work to the best free agents. Returns how many offers were made."""
    force = await configurations.in_force(tx)
    stands = await store.begin_pass(tx, _ONE_PASS, list(force.configuration.queues))
    if not stands.mine or not stands.waiting:
        return 0  # another replica is at it, and was woken too; or all is offered
    known = force.configuration.agents_by_id
    given_out = openness.given_out(openness.standings(force, now))
    wanted = given_out if stands.widened else given_out.intersection(stands.waiting)
    members = [agent.id for agent in known.values() if not wanted.isdisjoint(agent.queues)]
    days = force.configuration.days(now)
    there = await staff.available(tx, members, force.configuration.routable, days)
    everyone = [candidate(force.configuration, row, now, given_out) for row in there]
    light = bool(force.configuration.light)
    takers = (agent for agent in everyone if agent.offers > 0 and (light or agent.free > 0))
    queues = sorted(wanted & {queue for agent in takers for queue in agent.queues})
    lines = await backlog.lines(tx, queues, widened=stands.widened)
    # Work whose queue there is no more is moved on elsewhere.
    offered = {line: needed for line, needed in lines.items() if line.queue in force.configuration.queues}
    floor = Floor(everyone)
    found = await _look(tx, offered, floor, again_after, now)
    if not found.items:
        return 0
    pairs, works = await _certain(
        tx, match(found.items, floor, now, again_after), found.items, force.configuration, now
    )
    desk = Desk(now)
    for work_item_id, agent_id in pairs.items():
        agent, work = known[agent_id], works[work_item_id]
        queue = force.configuration.queues[work["queue"]]
        handling.give(desk, work, agent, queue, at_once=agent.auto_accept or queue.auto_accept)
    await desk.write(tx)
    if pairs and found.until is not None:
        await store.wake(tx)  # there may be more for who is still free
    return len(pairs)


async def _look(
    tx: AsyncConnection,
    lines: Mapping[backlog.Line, backlog.Needed],
    floor: Floor,
    again_after: timedelta,
    now: datetime,
) -> backlog.Look:
    """The most urgent work that somebody who is free can take now."""
    room = {line: room_for(floor, line, needed) for line, needed in lines.items()}
    wanted = {line: units for line, units in room.items() if units > 0}
    if not wanted:
        return backlog.Look([], None)
    page = max(_LEAST_PAGE, MOST // len(wanted))
    return await backlog.look(tx, wanted, page, lambda item: floor.best(item, now, again_after) is not None)


def room_for(floor: Floor, line: backlog.Line, needed: backlog.Needed) -> int:
    """How much of a line's work those who can do it still can take."""
    return floor.room(line.queues, needed.skills, needed.profiles, light=needed.light)


async def _certain(
    tx: AsyncConnection, pairs: Sequence[tuple[UUID, str]], items: Sequence[Waiting],
    configuration: Configuration, now: datetime,
) -> tuple[dict[UUID, str], dict[UUID, Work]]:  # fmt: skip
    """The pairs that hold now that both are locked, and the work: an agent may have left or taken work, work be taken or changed."""
    if not pairs:
        return {}, {}
    locked = await backlog.lock(tx, pairs)
    mine = sorted({agent_id for item, agent_id in pairs if item in locked})
    there = await staff.available(tx, mine, configuration.routable, configuration.days(now))
    by_id = {item.work_item_id: item for item in items}
    agents = {row.agent_id: candidate(configuration, row, now) for row in there}
    floor = Floor(agents.values())
    certain: dict[UUID, str] = {}
    for work_item_id, agent_id in pairs:
        agent, row, item = agents.get(agent_id), locked.get(work_item_id), by_id[work_item_id]
        if agent is not None and row is not None and _same(row, item) and floor.fits(item, agent):
            certain[work_item_id] = agent_id
            floor.give(item, agent)
    if len(certain) < len(pairs):
        await store.wake(tx)
    return certain, {item: as_dict(locked[item]) for item in certain}


def _same(row: AnyRow, item: Waiting) -> bool:
    known: Mapping[str, int] = item.needs
    return (row.queue, row.also_queues, row.skills, row.units, row.profiles) == (
        item.queue,
        [*item.also_queues],
        known,
        item.units,
        [*item.profiles],
    )
