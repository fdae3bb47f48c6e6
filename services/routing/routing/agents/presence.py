"""Presence: which agents are available, and what becomes of their work when they are not."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import AgentPresenceChanged, Presence
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid
from antiphon.kafka import outbox
from antiphon.organisation.agent import Agent
from antiphon.organisation.document import did_you_mean
from antiphon.postgres.writes import Writes
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration.active import Configurations
from routing.domain import agent_load
from routing.domain.configuration.document import Configuration
from routing.domain.offer import OfferResult
from routing.domain.timer import TimerKind
from routing.unit_of_work import UnitOfWork

RETRY_AFTER = timedelta(seconds=1)


def require_settable(configuration: Configuration, presence: str) -> str:
    """The presence, if people may set it. Raises Problem: 422 for one that is not configured, 403 for the others."""
    kinds = configuration.presences_by_id
    if presence not in kinds:
        detail = f"unknown presence {presence!r}{did_you_mean(presence, kinds)}"
        raise invalid(ErrorPlace(pointer="/presence", detail=detail))
    if not kinds[presence].settable:
        raise Problem(Kind.PRESENCE_NOT_SETTABLE, f"{kinds[presence].name} can't be chosen by people.")
    return presence


async def set_presence(
    tx: AsyncConnection, agent: Agent, presence: str, reason: str, now: datetime,
    configuration: Configuration | None = None,
) -> None:  # fmt: skip
    """Sets an agent's presence. The work of an agent who goes offline returns to its place at once.

    An agent who was away for long ramps up, where the configuration says so.
    """
    before = (await store.agents.lock(tx, [agent.id])).get(agent.id)
    policy = configuration.agents_policy.ramp_up if configuration else None
    if configuration is not None and policy is not None and presence != Presence.OFFLINE:
        was_routable = before is not None and before.presence in configuration.routable
        if not was_routable and (before is None or now - before.since >= policy.away):
            await store.ramp_up.begin(tx, policy, [agent.id], now)
    await set_presences(tx, [agent], presence, reason, now)


async def set_presences(
    tx: AsyncConnection, agents: Sequence[Agent], presence: str, reason: str, now: datetime
) -> None:
    """Sets the presence of several agents, in a constant number of statements. It also ends their wrap-up."""
    ids = [agent.id for agent in agents]
    before = await store.agents.lock(tx, ids)
    previous = {
        agent_id: before[agent_id].presence if agent_id in before else Presence.OFFLINE.value
        for agent_id in ids
    }
    changed = [agent for agent in agents if previous[agent.id] != presence]
    offline = presence == Presence.OFFLINE
    rows = [
        {
            "agent_id": agent.id,
            "presence": presence,
            "since": now,
            "idle_since": now,
            "missed": 0,
            # After going offline, a missing heartbeat counts only once the desktop has sent one again.
            "last_heartbeat_at": None
            if offline or agent.id not in before
            else before[agent.id].last_heartbeat_at,
        }
        for agent in sorted(changed, key=lambda agent: agent.id)
    ]
    await store.base.upsert(tx, store.agents.AGENT, rows)
    if changed and offline:
        await _return_work(tx, [agent.id for agent in changed], reason, now)
    await store.agents.end_wrap_up(tx, ids)
    if changed:
        await _publish_presence(tx, changed, previous, presence, reason, now)
    await store.work_items.wake(tx)


async def expire_silent(
    tx: AsyncConnection, subjects: Collection[UUID], configurations: Configurations, now: datetime
) -> None:
    """Sets agents offline whose desktops have stopped sending heartbeats. Sets the timers of the others anew."""
    configuration = (await configurations.active(tx, now)).configuration
    watched = await store.agents.watched(tx, subjects)
    if not watched:
        return
    silence = await store.agents.silent_since(
        tx, list(watched), configuration.agents_policy.presence_lost_after
    )
    lost = [agent_id for agent_id, row in silence.items() if row.lost]
    timers: list[tuple[TimerKind, UUID, datetime]] = []
    for agent_id, subject in watched.items():
        if agent_id not in lost:
            # An agent whom another transaction locks is checked again soon.
            due = silence[agent_id].lost_at if agent_id in silence else now + RETRY_AFTER
            timers.append((TimerKind.PRESENCE_LOST, subject, due))
    writes = Writes()
    store.timers.set_timers(writes, timers)
    await writes.send(tx)
    by_id = configuration.agents_by_id
    agents = [by_id[agent_id] for agent_id in lost if agent_id in by_id]
    if agents:
        await set_presences(tx, agents, Presence.OFFLINE, "presence lost", now)


async def note_missed_offers(
    tx: AsyncConnection, agent_ids: Sequence[str], configuration: Configuration, now: datetime
) -> None:
    """Counts an expired offer for each of `agent_ids` (one entry an offer). Who missed too many in a row gets no more offers."""
    limit, by_id = configuration.agents_policy.missed_offers, configuration.agents_by_id
    unresponsive = [
        row
        for row in await store.agents.missed(tx, agent_ids)
        if row.missed >= limit and row.presence in configuration.routable and row.agent_id in by_id
    ]
    if not unresponsive:
        return
    missed = "an offer was" if limit == 1 else f"{limit} offers in a row were"
    agents = [by_id[row.agent_id] for row in unresponsive]
    await set_presences(tx, agents, Presence.NOT_RESPONDING, f"{missed} not answered", now)
    await record(
        tx,
        [
            Change("agent-unavailable", row.agent_id, ["supervisors"], {"missed_offers": row.missed})
            for row in unresponsive
        ],
    )


async def _return_work(tx: AsyncConnection, agent_ids: Sequence[str], reason: str, now: datetime) -> None:
    works = await store.work_items.lock_held(tx, agent_ids)
    unit = UnitOfWork(now)
    for offer in (await store.offers.pending_offers(tx, [work.work_item_id for work in works])).values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
    for work in works:
        unit.requeue(work, reason)
    await unit.write(tx)


async def _publish_presence(
    tx: AsyncConnection,
    agents: Sequence[Agent],
    previous: dict[str, str],
    presence: str,
    reason: str,
    now: datetime,
) -> None:
    held = await store.agents.loads(tx, [agent.id for agent in agents])
    events = [
        AgentPresenceChanged(
            agent=agent_load.agent_facts(agent, presence, held.get(agent.id, 0)),
            at=now,
            previous=previous[agent.id],
            reason=reason,
        )
        for agent in agents
    ]
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now) for event in events])
    detail = {"presence": presence, "reason": reason}
    await record(tx, [Change("presence", agent.id, [f"agent:{agent.id}"], detail) for agent in agents])
