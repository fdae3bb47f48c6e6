"""Publishes what changes about agents: by a new version of the configuration, or because its time has come."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import AgentCapacityChanged, AgentEvent, AgentSkillsChanged, Presence
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
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
    """Publishes what differs from the source `before`; nothing when that can't be read. The caller has the timer `review`."""
    try:
        previous = read(before, checked=True) if before is not None else after
    except ConfigurationError:
        previous = after
    applied_at = (await store.people.state(tx)).applied_at or now
    await publish_differences(tx, previous.at(applied_at).agents_by_id, after.at(now).agents_by_id, now)
    await store.people.set_applied(tx, now)


async def publish_differences(
    tx: AsyncConnection, before: Mapping[str, Agent], after: Mapping[str, Agent], now: datetime
) -> None:
    """Publishes of each agent what differs: skills and queues, capacity; who is none any more has no queues. Locks them.

    Shows the agents and supervisors who is away, and who is back.
    """
    gone = [replace(agent, queues=[]) for agent in before.values() if agent.id not in after]
    changed = [
        agent for agent in (*after.values(), *gone) if _published(agent) != _published(before.get(agent.id))
    ]
    if changed:
        ids = [agent.id for agent in changed]
        rows, loads = await store.agents.lock(tx, ids), await store.agents.loads(tx, ids)
        events: list[AgentEvent] = []
        for agent in changed:
            was = before.get(agent.id)
            presence = rows[agent.id].presence if agent.id in rows else Presence.OFFLINE.value
            facts = agent_facts(agent, presence, loads.get(agent.id, 0))
            if was is None or (was.skills, was.queues) != (agent.skills, agent.queues):
                events.append(AgentSkillsChanged(agent=facts, at=now))
            if was is None or was.capacity != agent.capacity:
                events.append(AgentCapacityChanged(agent=facts, at=now))
        await outbox.publish(tx, [encode(event, source=ROUTING, time=now) for event in events])
    if shown := list(_availability(before, after)):
        await record(tx, shown)


def _published(agent: Agent | None) -> object:
    return agent and (agent.skills, agent.queues, agent.capacity)


def _availability(before: Mapping[str, Agent], after: Mapping[str, Agent]) -> Iterable[Change]:
    for agent in after.values():
        was = before[agent.id].away if agent.id in before else None
        if agent.away != was:
            away = None if agent.away is None else agent.away.model_dump(mode="json")
            yield Change("availability", agent.id, [f"agent:{agent.id}", "supervisors"], {"away": away})
