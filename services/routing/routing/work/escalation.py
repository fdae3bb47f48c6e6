"""Escalation: the steps of a queue, for work that waits long or that every able agent has refused."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkEscalated, WorkState, WorkTransferred
from antiphon.postgres.query import fetch
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain.offer import OfferRecord
from routing.domain.queues import escalation as steps
from routing.domain.queues.escalation import EscalationKind, Need
from routing.domain.queues.placement import Place
from routing.domain.timer import TimerKind
from routing.domain.work_item import WorkItem
from routing.sla import clocks
from routing.unit_of_work import AGAIN_AFTER, SYSTEM, UnitOfWork

# A timer is due by the clock of the database, which may be ahead of ours.
SLACK = timedelta(seconds=1)

_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_WAITING = text(
    "select * from work_item where work_item_id = any(:ids) and state in ('queued', 'offered') "
    "order by work_item_id for update skip locked"
).bindparams(_IDS)
_HELD_BY_OTHERS = text(
    "select work_item_id from work_item where work_item_id = any(:ids) and state in ('queued', 'offered')"
).bindparams(_IDS)
_REFUSED = text(
    f"select work_item_id, agent_id from offer where work_item_id = any(:ids) and {store.offers.REFUSED}"
).bindparams(_IDS)


async def take_due_steps(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    """Takes the due steps of these work items. Work that an agent has accepted takes them when it waits again.

    The timer of work that another transaction holds fires again soon: waiting for its lock could be a deadlock.
    """
    active = await configurations.active(tx, now)
    unit = UnitOfWork(now)
    raised: list[WorkItem] = []
    works = await store.work_items.work_items(tx, _WAITING, {"ids": list(ids)})
    missing = set(ids) - {work.work_item_id for work in works}
    if missing:
        held = await fetch(tx, _HELD_BY_OTHERS, {"ids": sorted(missing)})
        unit.timers += [(TimerKind.STEP, row.work_item_id, now + AGAIN_AFTER) for row in held]
    for work in works:
        if plan(unit, work, active) is None:
            after = _take_steps(unit, work, active, now)
            if after.priority != work.priority:
                raised.append(after)
    if raised:
        await clocks.recompute_clocks(tx, unit, active, raised, "a step of its queue made it more urgent")
    await unit.write(tx)


def plan(unit: UnitOfWork, work: WorkItem, active: ActiveVersion) -> WorkItem | None:
    """Sets anew when the next step is due; None where the steps of the queue have not changed since it was set."""
    configuration = active.configuration
    if work.queue not in configuration.queues or work.steps_hash == configuration.steps_hashes[work.queue]:
        return None
    since = work.steps_from or work.queued_at
    due = steps.next_step_due(configuration, active.calendars, work.queue, work.step, since)
    return unit.put(
        work, next_step_at=due, steps_from=since, steps_hash=configuration.steps_hashes[work.queue]
    )


def _take_steps(unit: UnitOfWork, work: WorkItem, active: ActiveVersion, now: datetime) -> WorkItem:
    configuration = active.configuration
    due = work.next_step_at
    if due is not None and due > now + SLACK:
        unit.timers.append((TimerKind.STEP, work.work_item_id, due))
        return work
    now = max(now, due or now)
    while due is not None and due <= now and work.queue in configuration.queues:
        step = configuration.queues[work.queue].steps[work.step]
        need = Need(work.skills, work.prefer_skills, work.also_queues, work.priority)
        number = work.step + 1
        since = work.steps_from or work.queued_at
        due = steps.next_step_due(configuration, active.calendars, work.queue, number, since)
        after = steps.need_after(step, need)
        work = unit.put(
            work, step=number, next_step_at=due, skills=after.skills, prefer_skills=after.prefer_skills,
            also_queues=after.also_queues, priority=after.priority,
            profiles=configuration.profiles_of(work.channel, work.queue, after.priority),
        )  # fmt: skip
        what = steps.step_in_words(step, configuration)
        unit.note_escalation(work, EscalationKind.STEP, what, number)
        unit.publish(WorkEscalated(work=work.facts(), step=number, what=what))
    return work


async def bring_forward_refused(
    tx: AsyncConnection,
    unit: UnitOfWork,
    works: Iterable[WorkItem],
    ended: Iterable[OfferRecord],
    active: ActiveVersion,
) -> None:
    """Makes the next step due now for work that every available and able agent has refused.

    `ended` are the offers that were refused in this unit of work.
    """
    by_id = {work.work_item_id: work for work in works if work.next_step_at is not None}
    if not by_id:
        return
    refused: dict[UUID, set[str]] = {work_item_id: set() for work_item_id in by_id}
    for row in await fetch(tx, _REFUSED, {"ids": list(by_id)}):
        refused[row.work_item_id].add(row.agent_id)
    for offer in ended:
        if offer.work_item_id in refused:
            refused[offer.work_item_id].add(offer.agent_id)
    configuration = active.configuration
    queues = {queue for work in by_id.values() for queue in work.queues}
    members = {
        agent.id: agent
        for agent in configuration.agents_by_id.values()
        if agent.away is None and not queues.isdisjoint(agent.queues)
    }
    rows = await store.agents.available(tx, sorted(members), configuration.routable, {})
    available = [members[row.agent_id] for row in rows]
    for work_item_id, work in by_id.items():
        able = {
            agent.id
            for agent in available
            if not work.queues.isdisjoint(agent.queues)
            and all(agent.skills.get(skill, 0) >= level for skill, level in work.skills.items())
        }
        if able and able <= refused[work_item_id] and work.state == WorkState.QUEUED:
            unit.put(work, next_step_at=unit.now)


def move(
    unit: UnitOfWork, work: WorkItem, active: ActiveVersion, place: Place, kind: EscalationKind
) -> WorkItem:
    """Moves open work into another queue, where the skills that it needed are only preferred."""
    before = work.queue
    came = steps.arrival(work, active.configuration, active.calendars, place.queue, unit.now)
    work = unit.put(work, **came)
    note = arrival_note(place, active)
    unit.note_escalation(work, kind, note)
    unit.publish(WorkTransferred(work=work.facts(), by=SYSTEM, from_queue=before, note=note))
    return work


def arrival_note(place: Place, active: ActiveVersion) -> str:
    """Why work waits in this queue and not in the one it was meant for, in words."""
    return f"{'; '.join(place.why)}; so it waits in {active.configuration.queues[place.queue].name}"
