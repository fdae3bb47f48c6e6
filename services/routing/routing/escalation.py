"""Work that waits long: the steps of its queue, taken when they are due or when all who could have refused."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkEscalated, WorkState, WorkTransferred
from antiphon.database import fetch
from routing import clocks, staff, store
from routing.configurations import Configurations, InForce
from routing.desk import AGAIN_AFTER, STEP_TIMER, SYSTEM, Desk, Work, as_dict, facts
from routing.domain import escalation as steps
from routing.domain.escalation import Need
from routing.domain.placing import Place

STEP, OVERFLOW, MOVED, REDECIDED = "step", "overflow", "moved", "redecided"
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
    f"select work_item_id, agent_id from offer where work_item_id = any(:ids) and {store.REFUSED}"
).bindparams(_IDS)


async def step(
    tx: AsyncConnection, ids: Sequence[UUID], configurations: Configurations, now: datetime
) -> None:
    """Takes the steps that are due of these work items; who has been accepted meanwhile takes them when it waits again.

    One that is in somebody's hands this moment comes again: to wait for it could be to wait for each other.
    """
    force = await configurations.in_force(tx)
    desk = Desk(now)
    raised: list[Work] = []
    rows = await fetch(tx, _WAITING, {"ids": list(ids)})
    left = set(ids) - {row.work_item_id for row in rows}
    if left:
        held = await fetch(tx, _HELD_BY_OTHERS, {"ids": sorted(left)})
        desk.timers += [(STEP_TIMER, row.work_item_id, now + AGAIN_AFTER) for row in held]
    for row in rows:
        work = as_dict(row)
        before = work["priority"]
        if not plan(desk, work, force):
            _take(desk, work, force, now)
        if work["priority"] != before:
            raised.append(work)
    if raised:
        await clocks.reconsider(tx, desk, force, raised, "a step of its queue made it more urgent")
    await desk.write(tx)


def plan(desk: Desk, work: Work, force: InForce) -> bool:
    """Says anew when the next step is due, if its queue's steps are not those by which that was said."""
    configuration = force.configuration
    if work["queue"] not in configuration.queues or work["steps_of"] == configuration.marks[work["queue"]]:
        return False
    since = work["steps_from"] or work["queued_at"]
    due = steps.due(configuration, force.calendars, work["queue"], work["step"], since)
    desk.put(work, next_step_at=due, steps_from=since, steps_of=configuration.marks[work["queue"]])
    return True


def _take(desk: Desk, work: Work, force: InForce, now: datetime) -> None:
    configuration = force.configuration
    due: datetime | None = work["next_step_at"]
    if due is not None and due > now + SLACK:
        desk.timers.append((STEP_TIMER, work["work_item_id"], due))
        return
    now = max(now, due or now)
    while due is not None and due <= now and work["queue"] in configuration.queues:
        found = configuration.queues[work["queue"]].steps[work["step"]]
        need = Need(work["skills"], work["prefer_skills"], work["also_queues"], work["priority"])
        number = work["step"] + 1
        due = steps.due(configuration, force.calendars, work["queue"], number, work["steps_from"])
        needs = steps.taken(found, need)._asdict()
        profiles = configuration.profiles_of(work["channel"], work["queue"], needs["priority"])
        desk.put(work, step=number, next_step_at=due, profiles=profiles, **needs)
        what = steps.words(found, configuration)
        desk.note(work, STEP, what, number)
        desk.tell(WorkEscalated(work=facts(work), step=number, what=what))


async def ask_others(
    tx: AsyncConnection, desk: Desk, works: Iterable[Work], ended: Iterable[Mapping[str, Any]], force: InForce
) -> None:
    """Work that all who are there and could take it have refused comes to its next step now, instead of to them again.

    `ended` are the offers that were refused just now.
    """
    stuck = {work["work_item_id"]: work for work in works if work["next_step_at"] is not None}
    if not stuck:
        return
    refused: dict[UUID, set[str]] = {item: set() for item in stuck}
    for row in await fetch(tx, _REFUSED, {"ids": list(stuck)}):
        refused[row.work_item_id].add(row.agent_id)
    for offer in ended:
        if offer["work_item_id"] in refused:
            refused[offer["work_item_id"]].add(offer["agent_id"])
    configuration = force.configuration
    queues = {queue for work in stuck.values() for queue in (work["queue"], *work["also_queues"])}
    known = {a.id: a for a in configuration.agents_by_id.values() if not queues.isdisjoint(a.queues)}
    there = {row.agent_id for row in await staff.available(tx, sorted(known), configuration.routable, {})}
    for item, work in stuck.items():
        mine = {work["queue"], *work["also_queues"]}
        able = {
            agent_id
            for agent_id in there
            if not mine.isdisjoint(known[agent_id].queues)
            and all(known[agent_id].skills.get(skill, 0) >= level for skill, level in work["skills"].items())
        }
        if able and able <= refused[item] and work["state"] == WorkState.QUEUED:
            desk.put(work, next_step_at=desk.now)


def move(desk: Desk, work: Work, force: InForce, place: Place, kind: str) -> None:
    """Puts work that waits, or that somebody has, into another queue, which needs no skill that it knows nothing of."""
    before = work["queue"]
    changed = steps.arrival(work, force.configuration, force.calendars, place.queue, desk.now)
    desk.put(work, queue=place.queue, **changed)
    told = arrived(place, force)
    desk.note(work, kind, told)
    desk.tell(WorkTransferred(work=facts(work), by=SYSTEM, from_queue=before, note=told))


def arrived(place: Place, force: InForce) -> str:
    """Why work waits where it does and not where it was meant to."""
    return f"{'; '.join(place.why)}; so it waits in {force.configuration.queues[place.queue].name}"
