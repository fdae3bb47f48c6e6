"""Pulling: an agent takes the next work item that suits them, or picks one where its queue allows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.organisation.agent import Agent
from antiphon.postgres.query import AnyRow
from routing import store
from routing.configuration.active import ActiveVersion
from routing.domain import agent_load
from routing.domain.matching.agent_selection import AgentPool
from routing.domain.matching.eligibility import (
    Candidate,
    ProfileLoad,
    Waiting,
    WhyNot,
    exhausted_profiles,
    in_words,
    profiles_in_words,
    urgency,
    why_not,
)
from routing.domain.work_item import WorkItem
from routing.queues import opening
from routing.store.work_items import work_items
from routing.unit_of_work import UnitOfWork
from routing.work import handling
from routing.work.assignment import capacity_for
from routing.work.offering import candidate, offer_to

PAGE = 20
"""Items that are read of each line for an agent who asks for the next. Items that another transaction locks are skipped."""
_TAKE = """
    select w.* from unnest(:ids) with ordinality as o(id, place) join work_item w on w.work_item_id = o.id
    where w.state = 'queued' and (w.queue = any(:queues) or w.also_queues && :queues)
        and (coalesce(w.handover ->> 'agent_id', :me) = :me or w.hold_until is null or w.hold_until <= :now)
    order by o.place limit 1 for update of w
"""
_PARAMETERS = (
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("queues", type_=ARRAY(TEXT)),
    bindparam("me", type_=TEXT),
)
_TAKE_FREE = text(f"{_TAKE} skip locked").bindparams(*_PARAMETERS)
_TAKE_WAITING = text(_TAKE).bindparams(*_PARAMETERS)


async def take_next(
    tx: AsyncConnection, active: ActiveVersion, agent: Agent, now: datetime
) -> WorkItem | None:
    """Gives the agent the best waiting item that suits them, as accepted; None when no item does.

    Agents who ask at once get different items. Raises Problem 409 when the agent is offline or has no free capacity.
    """
    await _lock(tx, agent)
    me = await _candidate(tx, active, agent, now)
    if me.free < 1 and not active.configuration.zero_unit:
        raise _full(me)
    open_queues = opening.open_queues(opening.openings(active, now))
    queues = [queue for queue in agent.queues if queue in open_queues]
    pool = AgentPool([me])
    lines = await store.backlog.lines(tx, queues)
    wanted = {
        line: PAGE
        for line, need in lines.items()
        if line.queue in active.configuration.queues and capacity_for(pool, line, need) > 0
    }
    if not wanted and ((profile_loads := _full_line(pool, lines, me)) or me.free < 1):
        raise _full(me, profile_loads)
    while wanted:
        look = await store.backlog.look(tx, wanted, now, PAGE, lambda item: _suits(item, me, now))
        ids = suitable(look.items, me, now)
        if not ids:
            return None
        values = {"ids": ids, "queues": queues, "me": agent.id, "now": now}
        # Items that other transactions lock are skipped, unless there are no others: those may be released again.
        taken = await work_items(tx, _TAKE_FREE, values) or await work_items(tx, _TAKE_WAITING, values)
        if taken:
            return await _accept(tx, active, agent, taken[0], now)
    return None


async def pick(
    tx: AsyncConnection, active: ActiveVersion, agent: Agent, work_item_id: UUID, now: datetime
) -> WorkItem:
    """Gives the agent the waiting item that they chose, as accepted.

    Raises Problem: 404 for work of other queues, 403 where the queue allows no picking, 409 when the work does not wait or
    they can't take it.
    """
    await _lock(tx, agent)
    work = await handling.lock_work(tx, work_item_id)
    if work.queues.isdisjoint(agent.queues):
        raise not_found("work item")
    queue = active.configuration.queues.get(work.queue)
    if queue is None or not queue.may_pick:
        name = queue.name if queue else work.queue
        raise Problem(Kind.PICKING_NOT_ALLOWED, f"Work of {name} is given out in its order, not picked.")
    if work.state != WorkState.QUEUED:
        raise Problem(
            Kind.WORK_NOT_WAITING,
            f"The work does not wait: it is {work.state}.",
            state=work.state,
            agent_id=work.agent_id,
        )
    openings = opening.openings(active, now)
    shared_queues = work.queues.intersection(agent.queues)
    if shared_queues.isdisjoint(opening.open_queues(openings)):
        raise Problem(
            Kind.QUEUE_NOT_OPEN, f"Its work is not given out now: {openings[min(shared_queues)].why}."
        )
    if (waits_for := work.held_for(now)) not in {None, agent.id}:
        holder = active.configuration.agents_by_id.get(waits_for or "")
        name = holder.name if holder else waits_for
        raise Problem(
            Kind.WORK_WAITS_FOR_AGENT, f"It was handed to {name} and waits for them.", agent_id=waits_for
        )
    me = await _candidate(tx, active, agent, now)
    item = work.to_waiting(now)
    why = why_not(item, me)
    if why is not None:
        if why.kind in {WhyNot.CAPACITY, WhyNot.PROFILES}:
            raise _full(me, why.full)
        raise Problem(Kind.AGENT_NOT_SUITED, f"You can't take it: {in_words(why)}.")
    return await _accept(tx, active, agent, work, now)


def suitable(items: Sequence[Waiting], me: Candidate, now: datetime) -> list[UUID]:
    """The items that suit an agent and their free capacity, best first; items that they refused come last."""
    fits = [item for item in sorted(items, key=urgency) if _suits(item, me, now)]
    return [item.work_item_id for item in sorted(fits, key=lambda item: me.agent_id in item.refused)]


def _suits(item: Waiting, me: Candidate, now: datetime) -> bool:
    is_held = item.hold_until is not None and item.hold_until > now and item.preferred != me.agent_id
    return not is_held and why_not(item, me) is None


async def _lock(tx: AsyncConnection, agent: Agent) -> None:
    """Locks an agent, whose work no other transaction changes from then on. Raises Problem 409 for one who never was online.

    An agent without a row can't be locked: one who comes online at this moment would get work here and elsewhere.
    """
    if not await store.agents.lock(tx, [agent.id]):
        raise Problem(Kind.AGENT_OFFLINE, "You are offline: set your presence first.")


async def _candidate(tx: AsyncConnection, active: ActiveVersion, agent: Agent, now: datetime) -> Candidate:
    online = set(active.configuration.presences_by_id) - {Presence.OFFLINE.value}
    days = active.configuration.days(now)
    rows: Sequence[AnyRow] = await store.agents.available(tx, [agent.id], online, days)
    if not rows:
        raise Problem(Kind.AGENT_OFFLINE, "You are offline: set your presence first.")
    return candidate(active.configuration, rows[0], None)


def _full_line(
    pool: AgentPool, lines: Mapping[store.backlog.Line, store.backlog.Needed], me: Candidate
) -> tuple[ProfileLoad, ...]:
    """The full profiles of the first line whose work the agent could do if they were not full."""
    blocked = (
        exhausted_profiles(need.profiles, me)
        for line, need in lines.items()
        if pool.can(line.queues, need.skills)
    )
    return next((profile_loads for profile_loads in blocked if profile_loads), ())


def _full(me: Candidate, profile_loads: Sequence[ProfileLoad] = ()) -> Problem:
    if profile_loads:
        return Problem(Kind.AGENT_FULL, f"You have {profiles_in_words(profile_loads)}.")
    capacity = me.free + me.load
    held = agent_load.shown_load(me.load, capacity)
    return Problem(Kind.AGENT_FULL, f"You have no free capacity for it: you hold {held} of {capacity} units.")


async def _accept(
    tx: AsyncConnection, active: ActiveVersion, agent: Agent, work: WorkItem, now: datetime
) -> WorkItem:
    unit = UnitOfWork(now)
    work = offer_to(unit, work, agent, active.configuration.queues[work.queue], at_once=True)
    await unit.write(tx)
    # An agent who asks for more work has finished wrapping up.
    await store.agents.end_wrap_up(tx, [agent.id])
    return work
