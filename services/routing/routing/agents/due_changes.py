"""People who come, move, leave or go away at their time: what changes then, without a new version of the document."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.organisation.agent import Agent
from antiphon.organisation.person import is_employed
from routing import store
from routing.agents import presence
from routing.configuration import agent_changes
from routing.domain.configuration.document import Configuration
from routing.domain.offer import OfferResult
from routing.unit_of_work import UnitOfWork


async def apply(tx: AsyncConnection, configuration: Configuration, now: datetime) -> bool:
    """Applies what changed about people since it was applied last. Returns whether anything did; then it holds locks.

    Who left, or is a member of no queue any more, goes offline: their work returns to its place. Offers to agents who are
    away, and offers from queues that an agent left, are withdrawn.
    """
    state = await store.people.state(tx)
    before = configuration.at(state.applied_at or now).agents_by_id
    after = configuration.agents_by_id
    gone = [
        Agent.of(person, [])
        for agent_id in state.online
        if agent_id not in after and (person := configuration.people_by_id.get(agent_id)) is not None
    ]
    changed = {agent_id for agent_id in {**before, **after} if before.get(agent_id) != after.get(agent_id)}
    ending = await _ending(tx, before, after)
    if not (gone or changed or ending):
        return False
    # All locks are taken together and in order, as everywhere: first the agents, then their work.
    losing = {*(agent.id for agent in gone), *ending}
    await store.agents.lock(tx, changed | losing)
    works = await store.work_items.lock_held(tx, sorted(losing)) if losing else []
    await agent_changes.publish_differences(tx, before, after, now)
    await _go_offline(tx, gone, configuration, now)
    offered = {work.work_item_id: work for work in works if work.agent_id in ending}
    offers = await store.offers.pending_offers(tx, list(offered)) if offered else {}
    unit = UnitOfWork(now)
    for work_item_id, offer in offers.items():
        work = offered[work_item_id]
        reason = _why(before.get(offer.agent_id), after[offer.agent_id], work.queues)
        if reason is not None:
            unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
            unit.requeue(work, reason)
    await unit.write(tx)
    await store.people.set_applied(tx, now)
    await store.work_items.wake(tx)
    return True


async def _ending(
    tx: AsyncConnection, before: Mapping[str, Agent], after: Mapping[str, Agent]
) -> Collection[str]:
    """Returns the agents who have an offer that is to be withdrawn."""
    asked = [
        agent_id
        for agent_id, agent in after.items()
        if agent.away is not None
        or (agent_id in before and not {*before[agent_id].queues} <= {*agent.queues})
    ]
    offered = await store.work_items.offered_queues(tx, asked) if asked else []
    return {
        agent_id
        for agent_id, queues in offered
        if _why(before.get(agent_id), after[agent_id], queues) is not None
    }


def _why(before: Agent | None, after: Agent, queues: frozenset[str]) -> str | None:
    """Why an offer of work for these queues is withdrawn from the agent; None when it stays."""
    if after.away is not None:
        return f"{after.name} is {after.away.because}"
    left = set[str]() if before is None else {*before.queues} - {*after.queues}
    if not left.isdisjoint(queues) and queues.isdisjoint(after.queues):
        return f"{after.name} left its queue"
    return None


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
