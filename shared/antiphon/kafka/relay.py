"""The relay sends a service's outbox to Kafka, in order, and deletes what Kafka acknowledged.

One relay of each service leads: it holds an advisory lock on a connection of its own. When it loses that connection, its lead
ends at once, also while it waits for Kafka. It deletes rows by their ids, never by a high-water mark: a lower id may
commit later. The statement that reads the next rows also deletes the sent ones: a delete and a commit for each event would
cost as much as sending it. The relay parks what Kafka refuses for good (`antiphon.kafka.parked_events`) and goes on with the rest.
"""

import asyncio
import base64
import contextlib
from collections import Counter
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta

import asyncpg
from pydantic_core import from_json
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.dialects.postgresql import TEXT as PG_TEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.base import rfc3339
from antiphon.contracts.topics import dead_letter_topic
from antiphon.failures import is_transient
from antiphon.kafka import parked_events
from antiphon.kafka.publisher import Outcome, Pending, Publisher
from antiphon.kafka.unclear_refusals import UnclearRefusals
from antiphon.postgres.listener import Listener
from antiphon.postgres.query import AnyRow, driver_of, fetch_by
from antiphon.process import logs, metrics
from antiphon.process.clock import Clock

LOG = logs.get(__name__)
LEAD = 0x72656C61  # "rela"
MAX_BATCH = 1000
# A look takes rows until they have so many bytes: what is in memory, and in one request to a broker.
MAX_BATCH_BYTES = 16 * 1024 * 1024
LOOK_ANYWAY_S = 1.0  # a notification can be missed
DELETE_WITHIN_S = 0.2
COUNT_AGAIN_S = 5.0  # what is parked: somebody may have deleted rows
_CHANNELS = ("outbox", "dead_letter", parked_events.CHANNEL)
# While Kafka does not answer, the lead is held: well within the 30 s after which PostgreSQL ends an idle session.
STILL_LEADING_S = 10.0

_SENT = bindparam("sent", type_=ARRAY(BIGINT))
_AVOIDED = bindparam("avoided", type_=ARRAY(PG_TEXT))
_NEXT = text(
    """
    with gone as (delete from outbox where id = any(:sent)),
    waiting as (
        select *, sum(octet_length(value)) over (order by id rows unbounded preceding) - octet_length(value) as before
        from outbox where id <> all(:sent) and topic <> all(:avoided) order by id limit :limit
    )
    select id, topic, key, value, headers, created_at from waiting where before < :bytes order by id
    """
).bindparams(_SENT, _AVOIDED)
_DELETE = text("delete from outbox where id = any(:sent)").bindparams(_SENT)
_LEADS = text("select 1")
_DEAD = text(
    """
    select id, topic, partition, "offset", key, value, headers, reason, at from dead_letter
    where published_at is null and topic || :suffix <> all(:avoided) order by id limit :limit
    """
).bindparams(_AVOIDED)
# Kept whole in its row, a dead letter whose record is refused is not tried again; the reason says so.
_DEAD_DONE = text(
    """
    with sent as (update dead_letter set published_at = now() where id = any(:sent)),
    refused as (select * from unnest(:ids, :reasons) as r(id, reason))
    update dead_letter d set published_at = now(), reason = d.reason || ' (not on its topic: ' || r.reason || ')'
    from refused r where d.id = r.id
    """
).bindparams(_SENT, bindparam("ids", type_=ARRAY(BIGINT)), bindparam("reasons", type_=ARRAY(PG_TEXT)))
MAX_DEAD_LETTERS = 20


class Relay:
    """Publishes the outbox of `service`. `run` goes on until it is cancelled.

    Events of a topic that Kafka does not have are held for `unknown_topic_waits`, then parked.
    """

    def __init__(
        self,
        service: str,
        engine: AsyncEngine,
        kafka: str,
        clock: Clock,
        *,
        unknown_topic_waits: timedelta = timedelta(seconds=30),
    ) -> None:
        self._service = service
        self._engine = engine
        self._kafka = kafka
        self._clock = clock
        self._unknown_topic_waits = unknown_topic_waits
        self._unclear = UnclearRefusals()

    async def run(self) -> None:
        """Leads when no other relay does, and publishes. Waits while a failure is transient; raises others."""
        while True:
            try:
                async with self._engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    if await connection.scalar(text("select pg_try_advisory_lock(:lead)"), {"lead": LEAD}):
                        await self._lead(connection)
                    else:
                        # Another process leads.
                        metrics.PARKED_EVENTS.set(0)
                        self._unclear = UnclearRefusals()
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("relay waits", reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)

    async def _lead(self, connection: AsyncConnection) -> None:
        # A process that was frozen and still holds its connection does not lead for ever. The outbox is read by its key, from
        # its beginning: read whole, it is all that was sent since it was last vacuumed.
        await driver_of(connection).execute(
            "set idle_session_timeout = '30s'; set enable_seqscan = off; set enable_bitmapscan = off"
        )
        LOG.info("relay leads")
        await parked_events.show_count(driver_of(connection))
        publisher = Publisher(
            self._kafka,
            f"{self._service}-relay",
            unclear=self._unclear,
            unknown_topic_waits=self._unknown_topic_waits,
        )
        sent: list[int] = []
        try:
            await _leading(connection, publisher.start())
            async with Listener(self._engine, *_CHANNELS) as woken:
                notified, counted_at = set(_CHANNELS), 0.0
                while True:
                    idle = not notified and not sent
                    # What is committed from here on notifies us again.
                    while await self._send_outbox(connection, publisher, sent):
                        pass
                    if idle or "dead_letter" in notified:
                        while await self._send_dead_letters(connection, publisher):
                            pass
                    now = asyncio.get_running_loop().time()
                    if parked_events.CHANNEL in notified or (idle and now - counted_at >= COUNT_AGAIN_S):
                        await parked_events.show_count(driver_of(connection))
                        counted_at = now
                    notified = await woken.wait(timeout=DELETE_WITHIN_S if sent else LOOK_ANYWAY_S)
        finally:
            # The next leader sends every row that is left, so this one stops sending before it gives up the lead.
            await publisher.end()
            if sent:
                # They would be sent again; that is all, so a database that does not answer is not waited for.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(LOOK_ANYWAY_S):
                        await fetch_by(driver_of(connection), _DELETE, {"sent": sent})
            # The lock belongs to the session: a pooled connection would keep it.
            with contextlib.suppress(Exception):
                await connection.invalidate()

    async def _send_outbox(self, connection: AsyncConnection, publisher: Publisher, sent: list[int]) -> bool:
        """Deletes what was `sent`, and sends the next rows, whose ids are `sent` then; whether there may be more."""
        driver = driver_of(connection)
        given = {
            "sent": list(sent), "avoided": publisher.avoided(), "limit": MAX_BATCH, "bytes": MAX_BATCH_BYTES,
        }  # fmt: skip
        rows = await fetch_by(driver, _NEXT, given)
        sent.clear()
        metrics.OUTBOX_AGE.set(_age(rows[0].created_at, self._clock()) if rows else 0)
        if not rows:
            return False
        pending = [Pending(row.id, row.topic, row.key.encode(), row.value, _headers(row)) for row in rows]
        outcome = Outcome(acknowledged=sent)
        try:
            await _leading(connection, publisher.publish(pending, outcome))
        finally:
            topics = {row.id: row.topic for row in rows}
            for topic, count in Counter(topics[one] for one in sent).items():
                metrics.EVENTS_PUBLISHED.labels(topic).inc(count)
            await parked_events.park(driver, outcome.refused)
        is_full = len(rows) == MAX_BATCH or sum(len(row.value) for row in rows) >= MAX_BATCH_BYTES
        return is_full or bool(outcome.refused)

    async def _send_dead_letters(self, connection: AsyncConnection, publisher: Publisher) -> bool:
        """Sends the next dead letters to their topics; whether there may be more."""
        driver = driver_of(connection)
        suffix = dead_letter_topic("", self._service)
        given = {"suffix": suffix, "avoided": publisher.avoided(), "limit": MAX_DEAD_LETTERS}
        rows = await fetch_by(driver, _DEAD, given)
        if not rows:
            return False
        pending = [
            Pending(
                row.id,
                dead_letter_topic(row.topic, self._service),
                row.key,
                row.value,
                [*_original(row), *_origin(row)],
            )
            for row in rows
        ]
        outcome = Outcome()
        try:
            await _leading(connection, publisher.publish(pending, outcome))
        finally:
            await _finish(driver, outcome)
        return len(rows) == MAX_DEAD_LETTERS or bool(outcome.refused)


async def _leading(connection: AsyncConnection, work: Coroutine[object, object, None]) -> None:
    """Does the work while this relay leads: a lock that is lost meanwhile ends it, with the database's error."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=STILL_LEADING_S))[0]:
            await fetch_by(driver_of(connection), _LEADS, {})
        task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _finish(driver: asyncpg.Connection, outcome: Outcome) -> None:
    """Notes which dead letters are on their topics, and which will never be."""
    refused: Mapping[int, str] = outcome.refused
    if not refused and not outcome.acknowledged:
        return
    for letter, reason in refused.items():
        LOG.error("dead letter is not published", letter=letter, reason=reason)
    given = {"sent": outcome.acknowledged, "ids": list(refused), "reasons": list(refused.values())}
    await fetch_by(driver, _DEAD_DONE, given)


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _headers(row: AnyRow) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in from_json(row.headers).items()]


def _original(row: AnyRow) -> list[tuple[str, bytes]]:
    return [(name, base64.b64decode(value)) for name, value in row.headers]


def _origin(row: AnyRow) -> list[tuple[str, bytes]]:
    origin = {
        "dlq_reason": row.reason,
        "dlq_topic": row.topic,
        "dlq_partition": str(row.partition),
        "dlq_offset": str(row.offset),
        "dlq_at": rfc3339(row.at),
    }
    return [(name, value.encode()) for name, value in origin.items()]
