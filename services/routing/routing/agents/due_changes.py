"""People who come, move, leave or go away at their time: what changes then, without a new version of the document."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.work import WorkState
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


async def apply(tx: AsyncConnection, configurations: Configurations, now: datetime) -> None:
    """Applies what changed about people since it was applied last, and sets the timer of the next change.

    Who left, or is a member of no queue any more, goes offline: their work returns to its place. Offers to agents who are
    away, and offers from queues that an agent left, are withdrawn. The assignment looks at the waiting work again.
    """
    configuration = (await configurations.active(tx, now)).configuration
    applied_at = await store.people.applied_at(tx) or now
    before, after = configuration.at(applied_at).agents_by_id, configuration.agents_by_id
    if configuration.roster.until is not None:
        await store.timers.people_at(tx, configuration.roster.until)
    gone = [
        Agent.of(person, [])
        for agent_id in await store.agents.online(tx)
        if agent_id not in after and (person := configuration.people_by_id.get(agent_id)) is not None
    ]
    concerned = {
        *(agent.id for agent in gone),
        *(agent_id for agent_id in {**before, **after} if before.get(agent_id) != after.get(agent_id)),
        *(agent.id for agent in after.values() if agent.away is not None),
    }
    # All locks are taken together and in order, as everywhere: first the agents, then their work.
    await store.agents.lock(tx, concerned)
    works = await store.work_items.lock_held(tx, sorted(concerned)) if concerned else []
    await agent_changes.publish_differences(tx, before, after, now)
    await _go_offline(tx, gone, configuration, now)
    await _withdraw(tx, [work for work in works if work.agent_id in after], before, after, now)
    await store.people.set_applied(tx, now)
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
    """Withdraws those offers of these works whose agents are away, or left the queues that they came from."""
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


def _why(before: Agent | None, after: Agent, queues: frozenset[str]) -> str | None:
    """Why an offer of work for these queues is withdrawn from the agent; None when it stays."""
    if after.away is not None:
        return f"{after.name} is {after.away.because}"
    left = set[str]() if before is None else {*before.queues} - {*after.queues}
    if not left.isdisjoint(queues) and queues.isdisjoint(after.queues):
        return f"{after.name} left its queue"
    return None
