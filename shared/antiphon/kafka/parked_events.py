"""Parked events: outgoing events that Kafka refused for good. They leave the outbox with the reason, until a person sends them again."""

import json
from collections.abc import Mapping

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.dialects.postgresql import TEXT as PG_TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow, fetch_by
from antiphon.process import logs, metrics

LOG = logs.get(__name__)
# Notified when events are sent again: the number that is shown has changed.
CHANNEL = "parked_event"

# One statement: an event is in the outbox or parked, never both or neither.
_PARK = text(
    """
    with refused as (select * from unnest(:ids, :reasons) as r(id, reason)),
    gone as (
        delete from outbox o using refused r where o.id = r.id
        returning o.id, o.topic, o.key, o.value, o.headers, o.created_at, r.reason
    )
    insert into parked_event (topic, key, value, headers, created_at, reason)
    select topic, key, value, headers, created_at, reason from gone order by id
    returning id, topic, headers, octet_length(value) as bytes, reason
    """
).bindparams(bindparam("ids", type_=ARRAY(BIGINT)), bindparam("reasons", type_=ARRAY(PG_TEXT)))
_LIST = text(
    "select id, topic, key, headers, octet_length(value) as bytes, created_at, reason, parked_at "
    "from parked_event where id > :after order by id limit :limit"
)
_RESEND = text(
    """
    with gone as (
        delete from parked_event where cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[]))
        returning id, topic, key, value, headers
    )
    insert into outbox (topic, key, value, headers) select topic, key, value, headers from gone order by id
    """
)
_COUNT = text("select count(*) as parked from parked_event")
_NOTIFY = text("select pg_notify(:channel, '')")


async def park(driver: asyncpg.Connection, refused: Mapping[int, str]) -> None:
    """Takes rows out of the outbox, by their ids, and keeps them with the reason. In a transaction of its own."""
    if not refused:
        return
    rows = await fetch_by(driver, _PARK, {"ids": list(refused), "reasons": list(refused.values())})
    for row in rows:
        metrics.EVENTS_PARKED.labels(row.topic).inc()
        LOG.error(
            "event parked",
            parked=row.id,
            event_id=event_id(row),
            topic=row.topic,
            bytes=row.bytes,
            reason=row.reason,
        )
    await show_count(driver)


async def show_count(driver: asyncpg.Connection) -> None:
    """Sets the metric of what is parked now."""
    (row,) = await fetch_by(driver, _COUNT, {})
    metrics.PARKED_EVENTS.set(row.parked)


async def parked(connection: AsyncConnection, after: int = 0, limit: int = 500) -> list[AnyRow]:
    """What is parked with a higher number than `after`, without the events' data; the oldest first."""
    return list(await connection.execute(_LIST, {"after": after, "limit": limit}))


async def resend(tx: AsyncConnection, ids: list[int] | None) -> int:
    """Puts parked events back into the outbox in their order, all for None; how many."""
    resent = (await tx.execute(_RESEND, {"ids": ids})).rowcount
    await tx.execute(_NOTIFY, {"channel": CHANNEL})
    return resent


def event_id(row: AnyRow) -> str | None:
    """The CloudEvents id of a row of the outbox, or of a parked one."""
    headers: dict[str, str] = json.loads(row.headers)
    return headers.get("ce_id")
