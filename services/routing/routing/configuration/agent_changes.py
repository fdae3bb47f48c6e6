"""What a new version of the configuration changes about agents, as events."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import (
    AgentCapacityChanged,
    AgentEvent,
    AgentSkillsChanged,
    Presence,
)
from antiphon.contracts.envelope import encode
from antiphon.kafka import outbox
from antiphon.organisation.document import ConfigurationError
from antiphon.service_names import ROUTING
from routing import store
from routing.domain.agent_load import agent_facts
from routing.domain.configuration.document import Configuration, read


async def publish_agent_changes(
    tx: AsyncConnection, before: str | None, after: Configuration, now: datetime
) -> None:
    """Tells whose skills or queues, and whose capacity, changed since a source; nothing when that can't be read."""
    try:
        known = (read(before, checked=True) if before is not None else after).agents_by_id
    except ConfigurationError:
        return
    others = [agent for agent in after.agents_by_id.values() if agent != known.get(agent.id)]
    if not others:
        return
    ids = [agent.id for agent in others]
    rows, held = await store.agents.lock(tx, ids), await store.agents.loads(tx, ids)
    events: list[AgentEvent] = []
    for agent in others:
        was = known.get(agent.id)
        presence = rows[agent.id].presence if agent.id in rows else Presence.OFFLINE.value
        told = agent_facts(agent, presence, held.get(agent.id, 0))
        if was is None or (was.skills, was.queues) != (agent.skills, agent.queues):
            events.append(AgentSkillsChanged(agent=told, at=now))
        if was is None or was.capacity != agent.capacity:
            events.append(AgentCapacityChanged(agent=told, at=now))
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now) for event in events])
