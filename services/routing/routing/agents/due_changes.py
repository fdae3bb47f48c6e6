"""People who come, move, leave or go away at their time: what changes then, without a new version of the document."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
from antiphon.http.changes import Change, record
from antiphon.organisation.agent import Agent
from antiphon.organisation.person import is_employed
from routing import store
from routing.agents import presence
from routing.configuration import agent_changes
from routing.configuration.active import Configurations
from routing.domain.configuration.document import Configuration
from routing.domain.offer import OfferResult
from routing.domain.work_item import WorkItem
from routing.unit_of_work import UnitOfWork

_JUST_BEFORE = timedelta(microseconds=1)


async def apply(tx: AsyncConnection, due: datetime, configurations: Configurations, now: datetime) -> None:
    """Applies all that changed about people from `due` until now, and sets the timer of the next change.

    Who left, or is a member of no queue any more, goes offline: their work returns to its place. Offers to agents who went
    away, and offers from queues that an agent left, are withdrawn. The assignment looks at the waiting work again.
    """
    now = max(now, due)  # a timer is due by the clock of the database, which may be ahead of ours
    configuration = (await configurations.active(tx, now)).configuration
    before, after = configuration.at(due - _JUST_BEFORE).agents_by_id, configuration.agents_by_id
    if configuration.roster.until is not None:
        await store.timers.people_at(tx, configuration.roster.until)
    gone = [agent for agent in before.values() if agent.id not in after]
    if gone:
        await store.timers.review_at(tx, now)  # timers are locked before agents
    changed = {agent_id for agent_id in {**before, **after} if before.get(agent_id) != after.get(agent_id)}
    await store.agents.lock(tx, changed)
    works = await store.work_items.lock_held(tx, sorted(changed)) if changed else []
    await agent_changes.publish_differences(tx, before, after, now)
    await _go_offline(tx, gone, configuration, now)
    await _withdraw(tx, [work for work in works if work.agent_id in after], before, after, now)
    await _show(tx, before, after)
    await store.work_items.wake(tx)


async def _go_offline(
    tx: AsyncConnection, gone: Sequence[Agent], configuration: Configuration, now: datetime
) -> None:
    people = configuration.people_by_id
    employed = {agent.id for agent in gone if is_employed(people[agent.id], configuration, now)}
    for reason, agents in (
        ("left", [agent for agent in gone if agent.id not in employed]),
        ("a member of no queue any more", [agent for agent in gone if agent.id in employed]),
    ):
        if agents:
            await presence.set_presences(tx, agents, Presence.OFFLINE, reason, now)


async def _withdraw(
    tx: AsyncConnection,
    works: Sequence[WorkItem],
    before: Mapping[str, Agent],
    after: Mapping[str, Agent],
    now: datetime,
) -> None:
    """Withdraws those offers of these works whose agents went away, or left the queues that they came from."""
    offered = [work for work in works if work.state == WorkState.OFFERED]
    if not offered:
        return
    offers = await store.offers.pending_offers(tx, [work.work_item_id for work in offered])
    unit = UnitOfWork(now)
    for work in offered:
        agent_id = work.agent_id or ""
        reason = _why(before.get(agent_id), after[agent_id], work.queues)
        if reason is not None:
            if (offer := offers.get(work.work_item_id)) is not None:
                unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
            unit.requeue(work, reason)
    await unit.write(tx)


def _why(before: Agent | None, after: Agent, queues: Collection[str]) -> str | None:
    """Why an offer of work for these queues is withdrawn from the agent; None when it stays."""
    if after.away is not None and (before is None or before.away is None):
        return f"{after.name} is {after.away.because}"
    left = set() if before is None else {*before.queues} - {*after.queues}
    if not left.isdisjoint(queues) and set(after.queues).isdisjoint(queues):
        return f"{after.name} left its queue"
    return None


async def _show(tx: AsyncConnection, before: Mapping[str, Agent], after: Mapping[str, Agent]) -> None:
    shown: list[Change] = []
    for agent in after.values():
        was = before[agent.id].away if agent.id in before else None
        if (agent.away is None) != (was is None):
            away = None if agent.away is None else agent.away.model_dump(mode="json")
            shown.append(
                Change("availability", agent.id, [f"agent:{agent.id}", "supervisors"], {"away": away})
            )
    await record(tx, shown)
