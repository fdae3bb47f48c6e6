"""Publishes what a new version of the configuration changes about agents."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import AgentCapacityChanged, AgentEvent, AgentSkillsChanged, Presence
from antiphon.contracts.envelope import encode
from antiphon.kafka import outbox
from antiphon.organisation.agent import Agent
from antiphon.organisation.document import ConfigurationError
from antiphon.service_names import ROUTING
from routing import store
from routing.domain.agent_load import agent_facts
from routing.domain.configuration.document import Configuration, read


async def publish_agent_changes(
    tx: AsyncConnection, before: str | None, after: Configuration, now: datetime
) -> None:
    """Publishes whose skills, queues or capacity differ from the source `before`; nothing when that can't be read."""
    try:
        previous = (read(before, checked=True) if before is not None else after).at(now).agents_by_id
    except ConfigurationError:
        return
    await publish_differences(tx, previous, after.at(now).agents_by_id, now)


async def publish_differences(
    tx: AsyncConnection, previous: Mapping[str, Agent], current: Mapping[str, Agent], now: datetime
) -> None:
    """Publishes of each agent what differs from before: skills and queues, capacity; who is none any more has no queues.

    It locks these agents.
    """
    gone = [replace(agent, queues=[]) for agent in previous.values() if agent.id not in current]
    changed = [
        agent
        for agent in (*current.values(), *gone)
        if _published(agent) != _published(previous.get(agent.id))
    ]
    if not changed:
        return
    ids = [agent.id for agent in changed]
    rows, loads = await store.agents.lock(tx, ids), await store.agents.loads(tx, ids)
    events: list[AgentEvent] = []
    for agent in changed:
        was = previous.get(agent.id)
        presence = rows[agent.id].presence if agent.id in rows else Presence.OFFLINE.value
        facts = agent_facts(agent, presence, loads.get(agent.id, 0))
        if was is None or (was.skills, was.queues) != (agent.skills, agent.queues):
            events.append(AgentSkillsChanged(agent=facts, at=now))
        if was is None or was.capacity != agent.capacity:
            events.append(AgentCapacityChanged(agent=facts, at=now))
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now) for event in events])


def _published(agent: Agent | None) -> object:
    return agent and (agent.skills, agent.queues, agent.capacity)
