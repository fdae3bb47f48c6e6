"""Duplicates in the log: every tenth event is published again a little later, into the same partition or into another."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from antiphon.contracts.topics import TOPICS
from deploy.stack import Stack

EVERY, AT_LEAST = 10, 10
SHORTEST_DELAY_S, LONGEST_DELAY_S = 0.05, 3.0


@contextlib.asynccontextmanager
async def duplicates(
    stack: Stack, dice: random.Random, seconds: float, report: Callable[[str], None], *, other_partition: bool
) -> AsyncGenerator[None]:
    """Follows all topics for `seconds`, or longer until it has published `AT_LEAST` events again."""
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
            await asyncio.sleep(dice.uniform(SHORTEST_DELAY_S, LONGEST_DELAY_S))
            partitions = len(consumer.partitions_for_topic(record.topic) or {0})
            shift = dice.randrange(1, partitions) if other_partition else 0
            sent = await producer.send_and_wait(
                record.topic, record.value, record.key, (record.partition + shift) % partitions,
                headers=list(record.headers),
            )  # fmt: skip
            own.add((sent.topic, sent.partition, sent.offset))

        while loop.time() < until or copies < AT_LEAST:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    if (record.topic, record.partition, record.offset) in own:
                        continue
                    seen += 1
                    if seen % EVERY == 0:
                        copies += 1
                        copying.create_task(copy(record))
    report(f"{copies} of {seen} events were published again")
    yield
