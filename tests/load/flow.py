"""How far events are on their way through the house: held at the doors, released, and followed until all is quiet."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from antiphon.contracts.topics import TOPICS
from antiphon.kafka.relay import LEAD
from antiphon.service_names import SERVICES
from deploy.stack import Stack
from tests.support.waiting import until

DOORS = ("ingest-email", "ingest-social", "ingest-direct")
LOOK_S = 0.25


class Flow:
    """Looks into every service's database and at the broker; changes nothing but who may publish."""

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

    async def ask(self, service: str, query: str, *given: object) -> list[Any]:
        """Rows of a service's database."""
        rows: list[Any] = await self._db[service].fetch(query, *given)
        return rows

    async def hold(self) -> None:
        """Lets the doors take everything and publish nothing: their relays see another that leads."""
        for service in DOORS:
            connection = await self._connect(service)
            while not await connection.fetchval("select pg_try_advisory_lock($1)", LEAD):
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 "
                    "and database = (select oid from pg_database where datname = current_database())",
                    LEAD,
                )
                await asyncio.sleep(0.05)
            self._locks[service] = connection

    async def release(self) -> None:
        """The doors publish what they took."""
        for connection in self._locks.values():
            await connection.close()
        self._locks.clear()

    async def quiet(self, within: float) -> None:
        """Returns when nothing waits in an outbox and every reader has taken what was published. Raises TimeoutError."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap)
        async with asyncio.timeout(within), consumer:
            times = 0
            while times < 2:
                times = times + 1 if await self._is_quiet(consumer) else 0
                await asyncio.sleep(LOOK_S)

    async def given_out(self, within: float) -> None:
        """Returns when all is quiet and no work waits: agents with room for it are there. Raises AssertionError, TimeoutError."""

        async def none_waits() -> bool:
            return not await self._db["routing"].fetchval(
                "select exists (select 1 from work_item where state = 'queued')"
            )

        await self.quiet(within)
        await until(none_waits, within=within, what="all work is given out")
        await self.quiet(within)

    async def _is_quiet(self, consumer: AIOKafkaConsumer) -> bool:
        for service in SERVICES:
            if await self._db[service].fetchval("select exists (select 1 from outbox)"):
                return False
        ends = await self.ends(consumer)
        for service in SERVICES:
            rows = await self.ask(service, "select topic, partition, next_offset from consumer_progress")
            reached = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            for name, topic in TOPICS.items():
                if service not in topic.readers:
                    continue
                behind = [p for p, end in ends.items() if p.topic == name and reached.get(p, 0) < end]
                if behind:
                    return False
        return True

    async def ends(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Where each partition of our topics ends."""
        await consumer._client.force_metadata_update()  # pyright: ignore[reportPrivateUsage]
        partitions = [
            TopicPartition(name, number)
            for name in TOPICS
            for number in consumer.partitions_for_topic(name) or ()
        ]
        found: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return found

    async def marks(self) -> dict[TopicPartition, int]:
        """Where each partition ends now, to read on from there later."""
        async with AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap) as consumer:
            return await self.ends(consumer)

    async def records(self, since: Mapping[TopicPartition, int], topics: Sequence[str]) -> list[Any]:
        """What was published to `topics` after `since`."""
        found: list[Any] = []
        async with AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap) as consumer:
            ends = {p: end for p, end in (await self.ends(consumer)).items() if p.topic in topics}
            left = {p for p, end in ends.items() if end > since.get(p, 0)}
            if not left:
                return []
            consumer.assign(list(left))
            for partition in left:
                consumer.seek(partition, since.get(partition, 0))
            while left:
                for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
                    found += records
                    if records[-1].offset + 1 >= ends[partition]:
                        left.discard(partition)
        return found

    async def heard_last(self) -> datetime:
        """When routing took its newest batch of cases."""
        (row,) = await self.ask(
            "routing", "select max(updated_at) as at from consumer_progress where topic = 'cases'"
        )
        at: datetime = row["at"]
        return at
