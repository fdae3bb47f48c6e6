"""Follows events through the services: holds them at the entry points, releases them, waits until all are consumed."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from antiphon.contracts.topics import TOPICS
from antiphon.kafka.relay import LEAD
from antiphon.service_names import INGEST, SERVICES
from deploy.stack import Stack
from tests.support.waiting import until

POLL_S = 0.25


class Flow:
    """Reads the databases of all services and the broker. It changes only whether the relays of the ingest services publish."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._db: dict[str, asyncpg.Connection] = {}
        self._locks: dict[str, asyncpg.Connection] = {}

    async def __aenter__(self) -> Self:
        for service in SERVICES:
            self._db[service] = await self._connect(service)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in [*self._db.values(), *self._locks.values()]:
            await connection.close()

    async def _connect(self, service: str) -> asyncpg.Connection:
        url = self._stack.postgres.url(service)
        return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))

    async def query(self, service: str, query: str, *parameters: object) -> list[Any]:
        """Rows of a service's database."""
        rows: list[Any] = await self._db[service].fetch(query, *parameters)
        return rows

    async def hold_relays(self) -> None:
        """The ingest services accept messages and publish nothing: this takes the lock of their leading relays."""
        for service in INGEST:
            connection = await self._connect(service)
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LEAD):
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 "
                    "and database = (select oid from pg_database where datname = current_database())",
                    LEAD,
                )
                await asyncio.sleep(0.05)
            self._locks[service] = connection

    async def release_relays(self) -> None:
        """The ingest services publish what they have accepted."""
        for connection in self._locks.values():
            await connection.close()
        self._locks.clear()

    async def quiet(self, within: float) -> None:
        """Returns when every outbox is empty and every reader has consumed all published events. Raises TimeoutError."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap)
        async with asyncio.timeout(within), consumer:
            times = 0
            while times < 2:
                times = times + 1 if await self._is_quiet(consumer) else 0
                await asyncio.sleep(POLL_S)

    async def all_work_offered(self, within: float) -> None:
        """Returns when all events are consumed and no work waits, which needs available agents. Raises AssertionError, TimeoutError."""

        async def none_waits() -> bool:
            return not await self._db["routing"].fetchval(
                "select exists (select 1 from work_item where state = 'queued')"
            )

        await self.quiet(within)
        await until(none_waits, within=within, what="all work is offered")
        await self.quiet(within)

    async def _is_quiet(self, consumer: AIOKafkaConsumer) -> bool:
        for service in SERVICES:
            if await self._db[service].fetchval("select exists (select 1 from outbox)"):
                return False
        ends = await self._end_offsets(consumer)
        for service in SERVICES:
            rows = await self.query(service, "select topic, partition, next_offset from consumer_progress")
            reached = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            for name, topic in TOPICS.items():
                if service not in topic.readers:
                    continue
                behind = [p for p, end in ends.items() if p.topic == name and reached.get(p, 0) < end]
                if behind:
                    return False
        return True

    async def _end_offsets(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        await consumer._client.force_metadata_update()  # pyright: ignore[reportPrivateUsage]
        partitions = [
            TopicPartition(name, number)
            for name in TOPICS
            for number in consumer.partitions_for_topic(name) or ()
        ]
        offsets: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return offsets

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """The end of each partition of our topics now, as a start for `records` later."""
        async with AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap) as consumer:
            return await self._end_offsets(consumer)

    async def records(self, since: Mapping[TopicPartition, int], topics: Sequence[str]) -> list[Any]:
        """The records of `topics` from the offsets `since` on."""
        published: list[Any] = []
        async with AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap) as consumer:
            ends = {p: end for p, end in (await self._end_offsets(consumer)).items() if p.topic in topics}
            left = {p for p, end in ends.items() if end > since.get(p, 0)}
            if not left:
                return []
            consumer.assign(list(left))
            for partition in left:
                consumer.seek(partition, since.get(partition, 0))
            while left:
                for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
                    published += records
                    if records[-1].offset + 1 >= ends[partition]:
                        left.discard(partition)
        return published

    async def last_consumed_at(self) -> datetime:
        """When routing consumed its newest batch of case events."""
        (row,) = await self.query(
            "routing", "select max(updated_at) as at from consumer_progress where topic = 'cases'"
        )
        at: datetime = row["at"]
        return at
