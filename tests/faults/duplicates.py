"""Duplicates in the log: each tenth event is published again, later; into its own partition or into another."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from antiphon.contracts.topics import TOPICS
from deploy.stack import Stack

EACH, FEWEST = 10, 10
SOONEST_S, LATEST_S = 0.05, 3.0


@contextlib.asynccontextmanager
async def copied(
    stack: Stack, dice: random.Random, seconds: float, tell: Callable[[str], None], *, elsewhere: bool
) -> AsyncGenerator[None]:
    """Follows all topics for a while, until it has copied some; each tenth event, `elsewhere` into another partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka.bootstrap, auto_offset_reset="latest")
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka.bootstrap, acks="all")
    async with consumer, producer, asyncio.TaskGroup() as copying:
        await consumer._client.force_metadata_update()  # pyright: ignore[reportPrivateUsage]
        consumer.assign(
            [TopicPartition(name, n) for name in TOPICS for n in consumer.partitions_for_topic(name) or ()]
        )
        await consumer.seek_to_end()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        seen = copies = 0
        own: set[tuple[str, int, int]] = set()

        async def copy(record: Any) -> None:
            await asyncio.sleep(dice.uniform(SOONEST_S, LATEST_S))
            partitions = len(consumer.partitions_for_topic(record.topic) or {0})
            aside = dice.randrange(1, partitions) if elsewhere else 0
            sent = await producer.send_and_wait(
                record.topic, record.value, record.key, (record.partition + aside) % partitions,
                headers=list(record.headers),
            )  # fmt: skip
            own.add((sent.topic, sent.partition, sent.offset))

        while loop.time() < until or copies < FEWEST:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    if (record.topic, record.partition, record.offset) in own:
                        continue
                    seen += 1
                    if seen % EACH == 0:
                        copies += 1
                        copying.create_task(copy(record))
    tell(f"{copies} of {seen} events copied")
    yield
