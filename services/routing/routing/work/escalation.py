"""Work that waits long: the steps of its queue, taken when they are due or when all who could have refused."""

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

# The database says when a timer is due, and its clock is another than ours.
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


async def step(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    """Takes the steps that are due of these work items; who has been accepted meanwhile takes them when it waits again.

    One that is in somebody's hands this moment comes again: to wait for it could be to wait for each other.
    """
    active = await configurations.active(tx)
    unit = UnitOfWork(now)
    raised: list[WorkItem] = []
    works = await store.work_items.work_items(tx, _WAITING, {"ids": list(ids)})
    left = set(ids) - {work.work_item_id for work in works}
    if left:
        held = await fetch(tx, _HELD_BY_OTHERS, {"ids": sorted(left)})
        unit.timers += [(TimerKind.STEP, row.work_item_id, now + AGAIN_AFTER) for row in held]
    for work in works:
        if plan(unit, work, active) is None:
            after = _take(unit, work, active, now)
            if after.priority != work.priority:
                raised.append(after)
    if raised:
        await clocks.recompute_clocks(tx, unit, active, raised, "a step of its queue made it more urgent")
    await unit.write(tx)


def plan(unit: UnitOfWork, work: WorkItem, active: ActiveVersion) -> WorkItem | None:
    """Says anew when the next step is due; None where its queue's steps are those by which that was said."""
    configuration = active.configuration
    if work.queue not in configuration.queues or work.steps_hash == configuration.steps_hashes[work.queue]:
        return None
    since = work.steps_from or work.queued_at
    due = steps.next_step_due(configuration, active.calendars, work.queue, work.step, since)
    return unit.put(
        work, next_step_at=due, steps_from=since, steps_hash=configuration.steps_hashes[work.queue]
    )


def _take(unit: UnitOfWork, work: WorkItem, active: ActiveVersion, now: datetime) -> WorkItem:
    configuration = active.configuration
    due = work.next_step_at
    if due is not None and due > now + SLACK:
        unit.timers.append((TimerKind.STEP, work.work_item_id, due))
        return work
    now = max(now, due or now)
    while due is not None and due <= now and work.queue in configuration.queues:
        found = configuration.queues[work.queue].steps[work.step]
        need = Need(work.skills, work.prefer_skills, work.also_queues, work.priority)
        number = work.step + 1
        since = work.steps_from or work.queued_at
        due = steps.next_step_due(configuration, active.calendars, work.queue, number, since)
        after = steps.need_after(found, need)
        work = unit.put(
            work, step=number, next_step_at=due, skills=after.skills, prefer_skills=after.prefer_skills,
            also_queues=after.also_queues, priority=after.priority,
            profiles=configuration.profiles_of(work.channel, work.queue, after.priority),
        )  # fmt: skip
        what = steps.step_in_words(found, configuration)
        unit.note(work, EscalationKind.STEP, what, number)
        unit.tell(WorkEscalated(work=work.facts(), step=number, what=what))
    return work


async def ask_others(
    tx: AsyncConnection,
    unit: UnitOfWork,
    works: Iterable[WorkItem],
    ended: Iterable[OfferRecord],
    active: ActiveVersion,
) -> None:
    """Work that all who are there and could take it have refused comes to its next step now, instead of to them again.

    `ended` are the offers that were refused just now.
    """
    stuck = {work.work_item_id: work for work in works if work.next_step_at is not None}
    if not stuck:
        return
    refused: dict[UUID, set[str]] = {item: set() for item in stuck}
    for row in await fetch(tx, _REFUSED, {"ids": list(stuck)}):
        refused[row.work_item_id].add(row.agent_id)
    for offer in ended:
        if offer.work_item_id in refused:
            refused[offer.work_item_id].add(offer.agent_id)
    configuration = active.configuration
    queues = {queue for work in stuck.values() for queue in work.queues}
    known = {a.id: a for a in configuration.agents_by_id.values() if not queues.isdisjoint(a.queues)}
    there = {
        row.agent_id for row in await store.agents.available(tx, sorted(known), configuration.routable, {})
    }
    for item, work in stuck.items():
        mine = work.queues
        able = {
            agent_id
            for agent_id in there
            if not mine.isdisjoint(known[agent_id].queues)
            and all(known[agent_id].skills.get(skill, 0) >= level for skill, level in work.skills.items())
        }
        if able and able <= refused[item] and work.state == WorkState.QUEUED:
            unit.put(work, next_step_at=unit.now)


def move(
    unit: UnitOfWork, work: WorkItem, active: ActiveVersion, place: Place, kind: EscalationKind
) -> WorkItem:
    """Puts work that waits, or that somebody has, into another queue, which needs no skill that it knows nothing of."""
    before = work.queue
    came = steps.arrival(work, active.configuration, active.calendars, place.queue, unit.now)
    work = unit.put(work, **came)
    told = arrived(place, active)
    unit.note(work, kind, told)
    unit.tell(WorkTransferred(work=work.facts(), by=SYSTEM, from_queue=before, note=told))
    return work


def arrived(place: Place, active: ActiveVersion) -> str:
    """Why work waits where it does and not where it was meant to."""
    return f"{'; '.join(place.why)}; so it waits in {active.configuration.queues[place.queue].name}"
