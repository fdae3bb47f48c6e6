"""Presence: who is there, and what becomes of their work when they are not."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import AgentPresenceChanged, Presence
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
from antiphon.http.problems import Problem
from antiphon.kafka import outbox
from antiphon.organisation.document import did_you_mean
from antiphon.postgres.writes import Writes
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration.active import Configurations
from routing.domain import agent_load
from routing.domain.configuration.agent import Agent
from routing.domain.configuration.document import Configuration
from routing.domain.offer import OfferResult
from routing.domain.timer import TimerKind
from routing.unit_of_work import UnitOfWork

LOOK_AGAIN = timedelta(seconds=1)

_HELD = text(
    "select * from work_item where agent_id = any(:ids) and state in ('offered', 'accepted') "
    "order by work_item_id for update"
).bindparams(bindparam("ids", type_=ARRAY(TEXT)))


def choosable(configuration: Configuration, presence: str) -> str:
    """The presence, when an agent may choose it. Raises Problem 422 for one that there is not, 403 for the others."""
    kinds = configuration.presences_by_id
    if presence not in kinds:
        told = f"unknown presence {presence!r}{did_you_mean(presence, kinds)}"
        errors = [{"pointer": "/presence", "detail": told}]
        raise Problem(422, "Invalid input", "Some of what was sent can't be used.", errors=errors)
    if not kinds[presence].settable:
        raise Problem(403, "Not allowed", f"{kinds[presence].name} is not for people to choose.")
    return presence


async def set_presence(
    tx: AsyncConnection, agent: Agent, presence: str, reason: str, now: datetime,
    configuration: Configuration | None = None,
) -> None:  # fmt: skip
    """Whether work may be offered. Who logs off loses no work: it returns to its place at once.

    Who was away for long ramps up, where the configuration says so.
    """
    before = (await store.agents.lock(tx, [agent.id])).get(agent.id)
    policy = configuration.agents_policy.ramp_up if configuration else None
    if configuration is not None and policy is not None and presence != Presence.OFFLINE:
        here = before is not None and before.presence in configuration.routable
        if not here and (before is None or now - before.since >= policy.away):
            await store.ramp_up.begin(tx, policy, [agent.id], now)
    await set_presences(tx, [agent], presence, reason, now)


async def set_presences(
    tx: AsyncConnection, agents: Sequence[Agent], presence: str, reason: str, now: datetime
) -> None:
    """`set_presence` of several, in a constant number of statements. Wrapping up ends: they said how they stand."""
    ids = [agent.id for agent in agents]
    before = await store.agents.lock(tx, ids)
    previous = {i: before[i].presence if i in before else Presence.OFFLINE.value for i in ids}
    changed = [agent for agent in agents if previous[agent.id] != presence]
    offline = presence == Presence.OFFLINE
    rows = [
        {
            "agent_id": agent.id,
            "presence": presence,
            "since": now,
            "idle_since": now,
            "missed": 0,
            # A desktop that begins anew is only missed once it was beat again.
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
        await _tell_presence(tx, changed, previous, presence, reason, now)
    await store.work_items.wake(tx)


async def lose(
    tx: AsyncConnection, subjects: Collection[UUID], configurations: Configurations, now: datetime
) -> None:
    """Agents whose desktops fell silent are offline; for the others the timer is set to when they would be."""
    configuration = (await configurations.active(tx)).configuration
    watched = await store.agents.watched(tx, subjects)
    if not watched:
        return
    found = await store.agents.silent_since(
        tx, list(watched), configuration.agents_policy.presence_lost_after
    )
    lost = [agent_id for agent_id, row in found.items() if row.lost]
    again: list[tuple[TimerKind, UUID, datetime]] = []
    for agent_id, subject in watched.items():
        if agent_id not in lost:
            # Who is held by another transaction is looked at again soon.
            due = found[agent_id].lost_at if agent_id in found else now + LOOK_AGAIN
            again.append((TimerKind.PRESENCE_LOST, subject, due))
    writes = Writes()
    store.timers.set_timers(writes, again)
    await writes.send(tx)
    known = configuration.agents_by_id
    gone = [known[agent_id] for agent_id in lost if agent_id in known]
    if gone:
        await set_presences(tx, gone, Presence.OFFLINE, "presence lost", now)


async def missed(
    tx: AsyncConnection, offers: Sequence[str], configuration: Configuration, now: datetime
) -> None:
    """Offers that these agents let pass (one name an offer): who missed too many in a row is offered no more."""
    limit, known = configuration.agents_policy.missed_offers, configuration.agents_by_id
    silent = [
        row
        for row in await store.agents.missed(tx, offers)
        if row.missed >= limit and row.presence in configuration.routable and row.agent_id in known
    ]
    if not silent:
        return
    told = "an offer was" if limit == 1 else f"{limit} offers in a row were"
    agents = [known[row.agent_id] for row in silent]
    await set_presences(tx, agents, Presence.NOT_RESPONDING, f"{told} not answered", now)
    await record(
        tx,
        [
            Change("agent-unavailable", row.agent_id, ["supervisors"], {"missed_offers": row.missed})
            for row in silent
        ],
    )


async def _return_work(tx: AsyncConnection, agent_ids: Sequence[str], reason: str, now: datetime) -> None:
    works = await store.work_items.work_items(tx, _HELD, {"ids": list(agent_ids)})
    unit = UnitOfWork(now)
    for offer in (await store.offers.pending_offers(tx, [work.work_item_id for work in works])).values():
        unit.end_offer(offer, OfferResult.WITHDRAWN, reason)
    for work in works:
        unit.requeue(work, reason)
    await unit.write(tx)


async def _tell_presence(
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
    told = {"presence": presence, "reason": reason}
    await record(tx, [Change("presence", agent.id, [f"agent:{agent.id}"], told) for agent in agents])
