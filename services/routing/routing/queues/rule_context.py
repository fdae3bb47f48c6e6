"""The rule context: what rules may ask about queues and calendars, read once for all decisions of a batch."""

from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from antiphon.contracts.work import WorkState
from antiphon.postgres.query import fetch
from routing.configuration.active import ActiveVersion
from routing.domain.rules.conditions import Context
from routing.domain.rules.queue_state import calendar_variables, label_variables, queue_variables

# The cost does not grow with the backlog: counts are kept, and an index gives the longest waiting item.
QUERY = text(
    f"""
    select
        (
            select jsonb_object_agg(queue, waiting) from (
                select queue, sum(count) as waiting from (
                    select queue, count from work_count where minute = 'epoch' and what = '{WorkState.QUEUED}'
                    union all
                    select queue, count from work_count_change where minute = 'epoch' and what = '{WorkState.QUEUED}'
                ) t
                group by queue
            ) q
        ) as waiting,
        (
            select jsonb_object_agg(q.name, w.queued_at) from unnest(:queues) as q(name)
            cross join lateral (
                select queued_at from work_item where state = '{WorkState.QUEUED}' and queue = q.name
                order by queued_at limit 1
            ) w
        ) as oldest,
        array(select agent_id from agent where presence <> '{Presence.OFFLINE}') as present,
        array(select queue from surge where ended_at is null and queue is not null) as surging,
        array(select label from surge where ended_at is null and label is not null) as surging_labels
    """
).bindparams(bindparam("queues", type_=ARRAY(TEXT)))


async def read(tx: AsyncConnection, active: ActiveVersion, now: datetime) -> Context:
    """The values of the rule context that differ from their defaults. One statement."""
    configured = active.configuration
    (row,) = await fetch(tx, QUERY, {"queues": list(configured.queues)})
    waiting, oldest, present = row.waiting or {}, row.oldest or {}, frozenset(row.present)
    context = calendar_variables(name for name, calendar in active.calendars.items() if calendar.is_open(now))
    context |= label_variables(row.surging_labels)
    for queue in configured.queues:
        since, hours = oldest.get(queue), configured.queues[queue].hours
        is_shut = queue in active.queue_states and active.queue_states[queue].state != QueueState.OPEN
        context |= queue_variables(
            queue,
            waiting=waiting.get(queue, 0),
            agents_present=sum(agent.id in present for agent in configured.members.get(queue, ())),
            oldest_seconds=max(0, int((now - datetime.fromisoformat(since)).total_seconds())) if since else 0,
            surging=queue in row.surging,
            open=not is_shut and (hours is None or active.calendars[hours].is_open(now)),
        )
    return context
