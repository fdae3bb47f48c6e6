"""Agents: their presence, the work they hold, and their last heartbeat. Lock agents before work, in the order of ids."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, DateTime, Integer, Table, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, fetch, recordset
from antiphon.postgres.writes import Writes
from routing.domain.timer import TimerKind
from routing.store.base import METADATA

AGENT = Table(
    "agent",
    METADATA,
    Column("agent_id", Text, primary_key=True),
    Column("presence", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("idle_since", DateTime(timezone=True), nullable=False),
    Column("last_heartbeat_at", DateTime(timezone=True)),
    Column("missed", Integer, nullable=False, server_default="0"),
    info=personal(
        none=["presence"],
        staff=["agent_id"],
    ),
)


# Agents who completed work and are not offered more yet. Its rows are locked after those of all other tables.
WRAP_UP = Table(
    "wrap_up",
    METADATA,
    Column("agent_id", Text, primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    info=personal(staff=["agent_id"]),
)


_IDS = bindparam("ids", type_=ARRAY(TEXT))


_SUBJECTS = bindparam("subjects", type_=ARRAY(PG_UUID(as_uuid=True)))


# The subject of a timer is a UUID: that of an agent is made from their id.
_SUBJECT = "cast(md5(agent_id) as uuid)"


_LOCK = text("select * from agent where agent_id = any(:ids) order by agent_id for no key update").bindparams(
    _IDS
)


# What agents hold, and what they completed since the day of a profile began, both read from `work_item`. Each is read once,
# however many agents the planner expects.
_AGENT_STATE = """
    with held as materialized (
        select agent_id, sum(units) as load, count(*) filter (where units = 0) as zero_unit,
            jsonb_agg(profiles) filter (where profiles <> '[]') as profiles
        from work_item where state in ('offered', 'accepted') {holders} group by agent_id
    ), completed as materialized (
        select w.completed_by as agent_id, jsonb_agg(p.profile) as done
        from jsonb_to_recordset(cast(:days as jsonb)) as p(profile text, since timestamptz)
        join work_item w on w.completed_at >= p.since and w.profiles <> '[]' and jsonb_exists(w.profiles, p.profile) {doers}
        group by w.completed_by
    )
    select a.agent_id, a.presence, a.since, a.idle_since, u.until as wrap_up_until,
        e.until as ramp_up_until, e.most as ramp_up_most, e.per as ramp_up_per, e.offered as ramp_up_offered,
        coalesce(h.load, 0) as load, coalesce(h.zero_unit, 0) as zero_unit, h.profiles, c.done
    from agent a left join wrap_up u using (agent_id) left join ramp_up e using (agent_id)
    left join held h using (agent_id) left join completed c using (agent_id)
"""


_AGENTS = text(_AGENT_STATE.format(holders="", doers="and w.completed_by is not null"))


_OF_THESE = (
    _AGENT_STATE.format(holders="and agent_id = any(:ids)", doers="and w.completed_by = any(:ids)")
    + "where a.agent_id = any(:ids)"
)


_THESE = text(_OF_THESE).bindparams(_IDS)


AVAILABLE = text(f"{_OF_THESE} and a.presence = any(:routable)").bindparams(
    _IDS, bindparam("routable", type_=ARRAY(TEXT))
)


# Only when no work waits for any of them: neither in their queues, nor in another queue that was widened.
_IDLE = text(
    f"""
    {AVAILABLE.text}
    and not exists (select 1 from work_item where state = 'queued' and queue = any(:queues))
    and not exists (select 1 from work_item where state = 'queued' and also_queues <> '{{}}')
    """
).bindparams(_IDS, bindparam("routable", type_=ARRAY(TEXT)), bindparam("queues", type_=ARRAY(TEXT)))


_LOCK_FREE = text(
    "select agent_id from agent where agent_id = any(:ids) order by agent_id for no key update skip locked"
).bindparams(_IDS)


_LOADS = text(
    "select agent_id, sum(units) as load from work_item "
    "where agent_id = any(:ids) and state in ('offered', 'accepted') group by agent_id"
).bindparams(_IDS)


_READY = text(
    "delete from wrap_up u using (select agent_id from wrap_up where agent_id = any(:ids) order by agent_id for update) r "
    "where u.agent_id = r.agent_id"
).bindparams(_IDS)


# The timer is due at once: the code that fires it knows the policy, and sets it again for when the presence is lost.
_HEARTBEAT = text(
    f"""
    with beat as (
        update agent set last_heartbeat_at = clock_timestamp() where agent_id = :agent and presence <> 'offline' returning *
    ), watched as (
        insert into timer (kind, subject, due_at)
        select '{TimerKind.PRESENCE_LOST}', {_SUBJECT}, now() from beat on conflict do nothing
    )
    select agent_id, presence, since from beat
    """
)


_WATCHED = text(
    f"""
    select agent_id, {_SUBJECT} as subject from agent
    where {_SUBJECT} = any(:subjects) and last_heartbeat_at is not null and presence <> 'offline'
    """
).bindparams(_SUBJECTS)


_LAST_HEARTBEAT = text(
    """
    select agent_id, last_heartbeat_at + cast(:within as interval) as lost_at,
        last_heartbeat_at + cast(:within as interval) <= clock_timestamp() as lost, clock_timestamp() as at
    from agent where agent_id = any(:ids) and presence <> 'offline' and last_heartbeat_at is not null
    order by agent_id for no key update skip locked
    """
).bindparams(_IDS)


_ANSWERED = text("update agent set missed = 0 where agent_id = :agent and missed > 0")


_MISSED = text(
    f"""
    update agent a set missed = a.missed + r.missed from {recordset([AGENT.c.agent_id, AGENT.c.missed])} r
    where a.agent_id = r.agent_id returning a.agent_id, a.presence, a.missed
    """
)


async def lock(tx: AsyncConnection, ids: Collection[str]) -> dict[str, AnyRow]:
    """Returns the rows of these agents by id, locked: no other transaction gives them work or changes their presence."""
    return {row.agent_id: row for row in await fetch(tx, _LOCK, {"ids": sorted(ids)})}


async def loads(tx: AsyncConnection, ids: Collection[str]) -> dict[str, int]:
    """Returns the units that these agents hold; those who hold nothing are not in it."""
    return {row.agent_id: row.load for row in await fetch(tx, _LOADS, {"ids": sorted(ids)})}


async def agents(tx: AsyncConnection, days: Mapping[str, datetime] | None = None) -> dict[str, AnyRow]:
    """Returns all agents that ever had a presence, by id: presence, since when, and what they hold.

    `days` are the profiles whose completed work counts, each with since when; see `profile_loads`.
    """
    return {row.agent_id: row for row in await fetch(tx, _AGENTS, {"days": _since(days)})}


async def agent(
    tx: AsyncConnection, agent_id: str, days: Mapping[str, datetime] | None = None
) -> AnyRow | None:
    """Returns the row of `agents` of one agent; None when they never had a presence."""
    return next(iter(await fetch(tx, _THESE, {"ids": [agent_id], "days": _since(days)})), None)


async def available(
    tx: AsyncConnection, ids: Sequence[str], routable: Collection[str], days: Mapping[str, datetime]
) -> Sequence[AnyRow]:
    """Returns those of these agents who may be offered work: idle since when, what they hold, and their wrap-up."""
    return await fetch(tx, AVAILABLE, {"ids": list(ids), "routable": list(routable), "days": _since(days)})


async def available_for_new(
    tx: AsyncConnection, ids: Sequence[str], routable: Collection[str], days: Mapping[str, datetime],
    queues: Collection[str],
) -> Sequence[AnyRow]:  # fmt: skip
    """Returns `available`, or no agent when work waits in one of these queues or is widened to members of others."""
    parameters = {
        "ids": list(ids),
        "routable": list(routable),
        "days": _since(days),
        "queues": list(queues),
    }
    return await fetch(tx, _IDLE, parameters)


async def lock_free(tx: AsyncConnection, ids: Collection[str]) -> list[str]:
    """Locks those of these agents whom no other transaction holds, without waiting; returns their ids."""
    return [row.agent_id for row in await fetch(tx, _LOCK_FREE, {"ids": sorted(ids)})]


def _since(days: Mapping[str, datetime] | None) -> str:
    return as_json([{"profile": profile, "since": since} for profile, since in (days or {}).items()])


async def end_wrap_up(tx: AsyncConnection, ids: Collection[str]) -> None:
    """Ends the wrap-up of these agents."""
    await fetch(tx, _READY, {"ids": sorted(ids)})


async def heartbeat(tx: AsyncConnection, agent_id: str) -> AnyRow | None:
    """Records a heartbeat of the agent's desktop; returns their presence and since when, or None when they are offline."""
    return next(iter(await fetch(tx, _HEARTBEAT, {"agent": agent_id})), None)


async def watched(tx: AsyncConnection, subjects: Collection[UUID]) -> dict[str, UUID]:
    """Returns the agents of these timers whose presence depends on a heartbeat: the timer's subject by agent id."""
    return {row.agent_id: row.subject for row in await fetch(tx, _WATCHED, {"subjects": list(subjects)})}


async def silent_since(tx: AsyncConnection, ids: Collection[str], within: timedelta) -> dict[str, AnyRow]:
    """Locks those of these agents whom no other transaction holds; returns whether their presence is lost, else when it will be."""
    rows = await fetch(tx, _LAST_HEARTBEAT, {"ids": sorted(ids), "within": within})
    return {row.agent_id: row for row in rows}


async def answered(tx: AsyncConnection, agent_id: str) -> None:
    """Resets the agent's count of missed offers, because they answered one."""
    await fetch(tx, _ANSWERED, {"agent": agent_id})


async def missed(tx: AsyncConnection, offers: Sequence[str]) -> Sequence[AnyRow]:
    """Counts missed offers, one agent id for each; returns the presence and the count in a row of each agent."""
    rows = [{"agent_id": agent, "missed": offers.count(agent)} for agent in sorted(set(offers))]
    return await fetch(tx, _MISSED, {"rows": as_json(rows)})


def set_wrap_ups(writes: Writes, until: Mapping[str, datetime]) -> None:
    """Sets until when these agents are not offered work; of two times the later one counts."""
    rows = [{"agent_id": agent, "until": until[agent]} for agent in sorted(until)]
    then = "on conflict (agent_id) do update set until = greatest(wrap_up.until, excluded.until)"
    writes.insert(WRAP_UP, rows, then=then)
