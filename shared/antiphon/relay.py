"""The relay: sends a service's outbox to Kafka, in order, and deletes what Kafka acknowledged.

One relay per service leads: it holds an advisory lock on a connection of its own. Losing that connection ends its
lead at once. Rows are deleted by their ids, never by a high-water mark: a lower id may commit later. They go with the
next look, since a statement and a commit of their own for each event would cost as much as sending it.
"""

import asyncio
import base64
import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from pydantic_core import from_json
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import logs, metrics
from antiphon.clock import Clock
from antiphon.contracts.topics import dead_letter_topic
from antiphon.database import AnyRow, driver_of, fetch_by
from antiphon.failures import is_passing
from antiphon.listen import Listener

LOG = logs.get(__name__)
LEAD = 0x72656C61  # "rela"
MAX_BATCH = 1000
MAX_RECORD_BYTES = 16 * 1024 * 1024
# A request to Kafka holds so much of a partition: events of ours are 1 to 4 KB, so the default of 16 KB is a handful.
REQUEST_BYTES = 64 * 1024
LOOK_ANYWAY_S = 1.0  # a notification can be missed
DELETE_WITHIN_S = 0.2

_SENT = bindparam("sent", type_=ARRAY(BIGINT))
_NEXT = text(
    """
    with gone as (delete from outbox where id = any(:sent))
    select id, topic, key, value, headers, created_at from outbox where id <> all(:sent) order by id limit :limit
    """
).bindparams(_SENT)
_DELETE = text("delete from outbox where id = any(:sent)").bindparams(_SENT)
_DEAD = text(
    'select id, topic, partition, "offset", key, value, headers, reason, at from dead_letter '
    "where published_at is null order by id limit 100"
)
_DEAD_PUBLISHED = text("update dead_letter set published_at = now() where id = any(:ids)")


_PARTITIONER = DefaultPartitioner()
_Record: TypeAlias = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""A record on its way: topic, key, value, headers."""


class Relay:
    """Publishes the outbox of `service`; `run` goes on until it is cancelled."""

    def __init__(self, service: str, engine: AsyncEngine, kafka: str, clock: Clock) -> None:
        self._service = service
        self._engine = engine
        self._kafka = kafka
        self._clock = clock

    async def run(self) -> None:
        """Leads when no other relay does, and publishes. Passing failures are waited out; others are raised."""
        while True:
            try:
                async with self._engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    if await connection.scalar(text("select pg_try_advisory_lock(:lead)"), {"lead": LEAD}):
                        await self._lead(connection)
            except Exception as error:
                if not is_passing(error):
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
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            client_id=f"{self._service}-relay",
            enable_idempotence=True,
            acks="all",
            linger_ms=0,  # what is sent together is appended before the sender gets its turn
            max_batch_size=REQUEST_BYTES,
            max_request_size=MAX_RECORD_BYTES,
        )
        sent: list[int] = []
        try:
            await producer.start()
            async with Listener(self._engine, "outbox", "dead_letter") as woken:
                heard: set[str] = set()
                while True:
                    idle = not heard and not sent
                    # What is committed from here on notifies us again.
                    sent = await self._send_outbox(connection, producer, sent)
                    while len(sent) == MAX_BATCH:
                        sent = await self._send_outbox(connection, producer, sent)
                    if idle or "dead_letter" in heard:
                        while await self._send_dead_letters(connection, producer):
                            pass
                    heard = await woken.wait(timeout=DELETE_WITHIN_S if sent else LOOK_ANYWAY_S)
        finally:
            if sent:
                # Whoever leads next would send them again; that is all, so a database that does not answer is not waited for.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(LOOK_ANYWAY_S):
                        await fetch_by(driver_of(connection), _DELETE, {"sent": sent})
            # The lock belongs to the session: a pooled connection would keep it.
            with contextlib.suppress(Exception):
                await connection.invalidate()
            await producer.stop()

    async def _send_outbox(
        self, connection: AsyncConnection, producer: AIOKafkaProducer, sent: list[int]
    ) -> list[int]:
        """Deletes what was `sent`, and sends the next rows: their ids."""
        rows = await fetch_by(driver_of(connection), _NEXT, {"sent": sent, "limit": MAX_BATCH})
        metrics.OUTBOX_AGE.set(_age(rows[0].created_at, self._clock()) if rows else 0)
        records = [(row.topic, row.key.encode(), row.value, _headers(row)) for row in rows]
        if records:
            await self._send_all(producer, records, oldest=str(rows[0].id))
        for topic, count in Counter(row.topic for row in rows).items():
            metrics.EVENTS_PUBLISHED.labels(topic).inc(count)
        return [row.id for row in rows]

    async def _send_dead_letters(self, connection: AsyncConnection, producer: AIOKafkaProducer) -> int:
        rows = (await connection.execute(_DEAD)).all()
        if not rows:
            return 0
        records = [
            (
                dead_letter_topic(row.topic, self._service),
                row.key,
                row.value,
                [*_original(row), *_origin(row)],
            )
            for row in rows
        ]
        await self._send_all(producer, records, oldest=str(rows[0].id))
        await connection.execute(_DEAD_PUBLISHED, {"ids": [row.id for row in rows]})
        return len(rows)

    @staticmethod
    async def _send_all(
        producer: AIOKafkaProducer,
        records: Sequence[_Record],
        *,
        oldest: str,
    ) -> None:
        by_partition: dict[tuple[str, int], list[_Record]] = {}
        for record in records:
            partitions = await producer.partitions_for(record[0])
            by_partition.setdefault((record[0], _partition(record[1] or b"", len(partitions))), []).append(
                record
            )
        # All or nothing is deleted: what was acknowledged beside a failure is sent again, and absorbed by its readers.
        results = await asyncio.gather(
            *(_send(producer, *place, found) for place, found in by_partition.items()), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            LOG.warning(
                "publish failed",
                partitions=len(failed),
                of=len(by_partition),
                oldest=oldest,
                reason=repr(failed[0]),
            )
            raise failed[0]


@lru_cache(maxsize=10_000)
def _partition(key: bytes, partitions: int) -> int:
    """Where a key's records go: as with every Kafka client, so that others who write to our topics agree with us."""
    places = range(partitions)
    place: int = _PARTITIONER(key, places, places)
    return place


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[_Record]) -> None:
    """Sends records of one partition in their order, as few requests as they fill: record by record costs twice the CPU."""
    acknowledged: list[asyncio.Future[object]] = []
    batch = producer.create_batch()
    for _, key, value, headers in records:
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
    acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acknowledged)


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _headers(row: AnyRow) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in from_json(row.headers).items()]


def _original(row: AnyRow) -> list[tuple[str, bytes]]:
    return [(name, base64.b64decode(value)) for name, value in row.headers]


def _origin(row: AnyRow) -> list[tuple[str, bytes]]:
    told = {
        "dlq_reason": row.reason,
        "dlq_topic": row.topic,
        "dlq_partition": str(row.partition),
        "dlq_offset": str(row.offset),
        "dlq_at": row.at.isoformat(),
    }
    return [(name, value.encode()) for name, value in told.items()]
