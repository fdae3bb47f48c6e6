"""A client of Kafka as a member of a consumer group: how it joins, what it shows of its progress, how it leaves."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from antiphon.process import logs

LOG = logs.get(__name__)
UNANSWERED = timedelta(seconds=10)


def member(kafka: str, group: str, replica: str | None) -> AIOKafkaConsumer:
    """A client, not yet started. One that comes back under the name of a killed `replica` has its partitions at once."""
    return AIOKafkaConsumer(
        bootstrap_servers=kafka,
        group_id=group,
        client_id=group,
        group_instance_id=f"{group}-{replica}" if replica else None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        max_poll_interval_ms=600_000,
        metadata_max_age_ms=10_000,
    )


async def show(consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> bool:
    """Commits `positions` for tools that look at the group; nothing of ours reads them, so a refusal costs nothing.

    Raises KafkaConnectionError when no answer comes: the client can lose its coordinator for ever (its lookup waits for a
    metadata update that never comes), and must be made anew.
    """
    try:
        async with asyncio.timeout(UNANSWERED.total_seconds()):
            await consumer.commit(dict(positions))
    except TimeoutError:
        raise KafkaConnectionError("the group's coordinator does not answer") from None
    except KafkaError as error:
        LOG.info("offsets not shown", reason=repr(error))
        return False
    return True


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Ends the client within a bounded time; what goes wrong then no longer matters to anybody.

    The client cancels its fetches and awaits them: one that waited to try again ends the client's own `stop` with its
    cancellation, half-way. So `stop` has a task to itself, and the connections are closed whatever became of it.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping], timeout=UNANSWERED.total_seconds())
    if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
        return
    stopping.cancel()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(UNANSWERED.total_seconds()):
            await consumer._client.close()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
