"""People who come, move, leave or go away at their time: what changes then, without a new version of the document."""

from collections.abc import Collection, Sequence
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

    Who left, was removed, or is a member of no queue any more, goes offline: their work returns to its place. Offers to agents
    who are away, and offers from queues of which an agent is no member, are withdrawn.
    """
    state = await store.people.state(tx)
    before = configuration.at(state.applied_at or now).agents_by_id
    after, people = configuration.agents_by_id, configuration.people_by_id
    gone = [
        Agent.of(people[agent_id], []) if agent_id in people else _removed(agent_id)
        for agent_id in state.online
        if agent_id not in after
    ]
    removed = {agent.id for agent in gone} - people.keys()
    changed = {agent_id for agent_id in {**before, **after} if before.get(agent_id) != after.get(agent_id)}
    ending = await _ending(tx, configuration)
    if not (gone or changed or ending):
        return False
    # All locks are taken together and in order, as everywhere: first the agents, then their work.
    losing = {*(agent.id for agent in gone), *ending}
    await store.agents.lock(tx, changed | losing)
    works = await store.work_items.lock_held(tx, sorted(losing)) if losing else []
    await agent_changes.publish_differences(tx, before, after, now)
    offers = await store.offers.pending_offers(tx, [work.work_item_id for work in works])
    unit = UnitOfWork(now)
    for work in works:
        offer, reason = offers.get(work.work_item_id), None
        if work.agent_id in removed:
            reason = f"{work.agent_id} is no longer an agent"
        elif work.agent_id in ending and offer is not None:
            reason = _why(
                configuration, after[offer.agent_id], work.queue, work.queues, directed=offer.directed
            )
        if reason is not None and offer is not None:
            unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
        if reason is not None:
            unit.requeue(work, reason)
    await unit.write(tx)
    await _go_offline(tx, gone, configuration, now)
    await store.people.set_applied(tx, now)
    await store.work_items.wake(tx)
    return True


async def _ending(tx: AsyncConnection, configuration: Configuration) -> Collection[str]:
    """Returns the agents who have an offer that is to be withdrawn."""
    agents = configuration.agents_by_id
    return {
        offered.agent_id
        for offered in await store.work_items.offered(tx, list(agents))
        if _why(
            configuration, agents[offered.agent_id], offered.queue, offered.queues, directed=offered.directed
        )
    }


def _why(
    configuration: Configuration, agent: Agent, queue: str, queues: Collection[str], *, directed: bool
) -> str | None:
    """Why an offer of work for these queues is withdrawn from the agent; None when it stays.

    Work of a `queue` that was removed first moves to another. `directed`: a person chose the agent, a member or not.
    """
    if agent.away is not None:
        return f"{agent.name} is {agent.away.because}"
    if not directed and queue in configuration.queues and {*agent.queues}.isdisjoint(queues):
        return f"{agent.name} left its queue"
    return None


def _removed(agent_id: str) -> Agent:
    """Returns a person whom the document has no more: only their id is known."""
    return Agent(agent_id, agent_id, [], {}, 0, auto_accept=False, profiles={})


async def _go_offline(
    tx: AsyncConnection, gone: Sequence[Agent], configuration: Configuration, now: datetime
) -> None:
    by_reason: dict[str, list[Agent]] = {}
    for agent in gone:
        person = configuration.people_by_id.get(agent.id)
        reason = "a member of no queue any more"
        if person is None:
            reason = "removed"
        elif not is_employed(person, configuration, now):
            reason = "left"
        by_reason.setdefault(reason, []).append(agent)
    for reason, agents in by_reason.items():
        await presence.set_presences(tx, agents, Presence.OFFLINE, reason, now)
