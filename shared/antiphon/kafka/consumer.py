"""The consumer handles what one poll brings as one batch, in one transaction with its progress.

* The progress row in the database says where to read on; Kafka's own offsets only show the lag.
* After a transient failure the consumer waits and retries the batch. An event that it can't understand or handle becomes a
  dead letter with its reason, and the other events of the batch take effect. Too many dead letters stop the process, and a
  schema error (a table or column that the database lacks) stops it at once.
"""

import asyncio
import contextlib
import random
import time
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Envelope, NotUnderstoodError, model_of, read_data, read_envelope
from antiphon.failures import is_schema_error, is_transient, with_savepoints
from antiphon.kafka import dead_letters, group_member, progress
from antiphon.kafka.dead_letters import Record
from antiphon.process import logs, metrics, tracing
from antiphon.process.clock import Clock

LOG = logs.get(__name__)
MAX_BATCH = 500
POLL = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=10)
HOUSEKEEPING = timedelta(seconds=5)


class Received(NamedTuple):
    """An event as a handler gets it."""

    event: Event
    envelope: Envelope
    topic: str
    partition: int
    offset: int


class NonRetryableError(Exception):
    """A handler can never handle this event; the message becomes the reason of the dead letter."""


class TooManyDeadLettersError(Exception):
    """So many events became dead letters that the fault is more likely ours: the process stops so that a person looks."""


Handle = Callable[[AsyncConnection, Sequence[Received], datetime], Awaitable[None]]


class Consumer(ConsumerRebalanceListener):
    """Reads `topics` for `service` and calls `handle` with the event types in `handles`; it skips others.

    With a `min_batch_interval` the consumer waits that long after each batch: low-priority events then come in large batches
    and cost little. Its topics are a consumer group of their own, so that urgent events do not wait with them.

    `handle` gets an open transaction, the events in order, and the time. It must be idempotent by natural keys and never
    commits. `run` goes on until it is cancelled; `stop` lets the current batch finish.
    """

    def __init__(
        self,
        *,
        service: str,
        topics: Sequence[str],
        handles: Iterable[type[Event]],
        handle: Handle,
        engine: AsyncEngine,
        kafka: str,
        clock: Clock,
        replica: str | None = None,
        min_batch_interval: timedelta = timedelta(0),
        max_dead_letters_per_minute: int = 100,
    ) -> None:
        self._service = service
        self._topics = tuple(topics)
        self._handles = tuple(handles)
        self._handle = handle
        self._engine = engine
        self._kafka = kafka
        self._clock = clock
        self._min_batch_interval = min_batch_interval
        self._group = ".".join((service, *self._topics)) if min_batch_interval else service
        self._replica = replica
        self._failure: Exception | None = None
        self._committed: dict[TopicPartition, int] = {}
        self._max_dead = max_dead_letters_per_minute
        self._dead_at: deque[datetime] = deque()
        self._expected: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._stopping = asyncio.Event()
        self._housekept: datetime | None = None
        self.polled_at: datetime | None = None

    async def run(self) -> None:
        """Consumes until `stop` or cancellation. Raises failures that are neither transient nor caused by one event."""
        pause = timedelta(0)
        while not self._stopping.is_set():
            consumer = group_member.member(self._kafka, self._group, self._replica)
            consumer.subscribe(self._topics, listener=self)
            self._consumer = consumer
            began = time.monotonic()
            try:
                await consumer.start()
                await self._consume(consumer)
            except KafkaError as error:
                held = timedelta(seconds=time.monotonic() - began)
                pause = _longer(pause if held < LONGEST_PAUSE else timedelta(0))
                LOG.warning("broker away", reason=repr(error), pause_s=pause.total_seconds())
            finally:
                self._consumer = None
                self._expected.clear()
                await group_member.leave(consumer)
            await self._pause(pause)

    def stop(self) -> None:
        """Ends `run` after the batch in hand."""
        self._stopping.set()

    @override
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits it
        self, revoked: Iterable[TopicPartition]
    ) -> None:
        """The current batch may still commit: the next consumer of the partition reads the row, not our memory."""
        for partition in revoked:
            self._expected.pop(partition, None)

    @override
    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka awaits it
        self, assigned: Iterable[TopicPartition]
    ) -> None:
        """Reading goes on where the database says."""
        partitions = list(assigned)
        try:
            if partitions:
                await self._seek(partitions)
        except Exception as error:  # noqa: BLE001 - the client would log it and go on; `_consume` raises it
            self._failure = error

    async def _seek(self, partitions: Sequence[TopicPartition]) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        pause = timedelta(0)
        while not self._stopping.is_set():
            try:
                async with self._engine.begin() as tx:
                    found = await progress.positions(tx, partitions)
                    found |= await self._start_again(tx, consumer, found)
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                pause = _longer(pause)
                LOG.warning("progress can't be read", reason=repr(error))
                await self._pause(pause)
        else:
            return
        for partition, offset in found.items():
            self._expected[partition] = offset
            consumer.seek(partition, offset)
        LOG.info("partitions assigned", partitions=len(partitions))

    async def _start_again(
        self, tx: AsyncConnection, consumer: AIOKafkaConsumer, found: dict[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Starts partitions again from their beginning where the log ends before our progress: a broker lost records, or is another one.

        Events that are read twice change nothing; events written in place of the lost ones would else be skipped.
        """
        ends = await consumer.end_offsets(list(found))
        lost = [partition for partition, offset in found.items() if offset > ends[partition]]
        if not lost:
            return {}
        again: dict[TopicPartition, int] = await consumer.beginning_offsets(lost)
        for partition in lost:
            metrics.RECORDS_MISSED.labels(partition.topic).inc(found[partition] - ends[partition])
            LOG.error(
                "the log is shorter than what was read of it",
                topic=partition.topic,
                partition=partition.partition,
                read_to=found[partition],
                ends_at=ends[partition],
            )
        await progress.advance(tx, {partition: found[partition] for partition in lost}, again)
        return again

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping.is_set():
            if self._failure is not None:
                raise self._failure
            polled = await consumer.getmany(
                timeout_ms=int(POLL.total_seconds() * 1000), max_records=MAX_BATCH
            )
            self.polled_at = self._clock()
            records = [
                Record.of(record)
                for partition, found in polled.items()
                if partition in self._expected
                for record in found
                if record.offset >= self._expected[partition]
            ]
            if records:
                self._warn_of_gaps(records)
                await self._take(records)
                await self._pause(self._min_batch_interval)
            if self._housekept is None or self.polled_at - self._housekept >= HOUSEKEEPING:
                self._housekept = self.polled_at
                await self._replay()
                await self._show_lag(consumer)

    def _warn_of_gaps(self, records: Sequence[Record]) -> None:
        seen: set[TopicPartition] = set()
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            expected = self._expected[partition]
            if partition not in seen and record.offset > expected:
                # Only retention makes gaps: no transactions, no compaction.
                metrics.RECORDS_MISSED.labels(record.topic).inc(record.offset - expected)
                LOG.error(
                    "records removed before they were read",
                    topic=record.topic,
                    first=expected,
                    to=record.offset,
                )
            seen.add(partition)

    async def _take(self, records: Sequence[Record]) -> None:
        """Handles the batch, however long the database is away; drops it when another consumer has overtaken it."""
        pause = timedelta(0)
        while not self._stopping.is_set():
            mine = [r for r in records if TopicPartition(r.topic, r.partition) in self._expected]
            if not mine:
                return
            reached = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in mine}
            expected = dict(self._expected)
            try:
                with metrics.BATCH_SECONDS.time():
                    await self._transact(mine, expected, reached)
            except progress.OvertakenError:
                metrics.BATCHES_FENCED.inc()
                LOG.info("batch overtaken", partitions=len(reached))
                await self._seek([p for p in reached if p in self._expected])
                return
            except Exception as error:
                if not is_transient(error):
                    raise
                pause = _longer(pause)
                metrics.BATCHES_RETRIED.inc()
                LOG.warning(
                    "batch waits", reason=f"{type(error).__name__}: {error}", pause_s=pause.total_seconds()
                )
                await self._pause(pause)
                continue
            for partition, offset in reached.items():
                if partition in self._expected:
                    self._expected[partition] = offset
            metrics.BATCH_EVENTS.observe(len(mine))
            return

    async def _transact(
        self,
        records: Sequence[Record],
        expected: dict[TopicPartition, int],
        reached: dict[TopicPartition, int],
    ) -> None:
        now = self._clock()
        events, dead = self._understand(records)
        try:
            async with self._engine.begin() as tx:
                await progress.advance(tx, expected, reached)
                await self._effect(tx, events, now)
                await dead_letters.keep(tx, dead, now)
        except progress.OvertakenError:
            raise
        except Exception as error:
            if is_transient(error) or is_schema_error(error):
                raise
            LOG.warning(
                "batch failed; its events are retried one by one",
                events=len(events),
                reason=f"{type(error).__name__}: {error}",
            )
            async with self._engine.begin() as tx:
                await progress.advance(tx, expected, reached)
                dead = [*dead, *await self._retry_each(tx, events, now)]
                await dead_letters.keep(tx, dead, now)
        lost = {id(record) for record, _ in dead}
        handled = Counter(received.event.type for record, received in events if id(record) not in lost)
        for kind, count in handled.items():
            metrics.EVENTS_HANDLED.labels(kind).inc(count)
        self._count_dead(dead, now)

    def _understand(
        self, records: Sequence[Record]
    ) -> tuple[list[tuple[Record, Received]], list[tuple[Record, str]]]:
        events: list[tuple[Record, Received]] = []
        dead: list[tuple[Record, str]] = []
        for record in records:
            try:
                envelope = read_envelope(dict(record.headers))
                model = model_of(envelope)
                if not issubclass(model, self._handles):
                    continue
                event = read_data(envelope, model, record.value)
            except NotUnderstoodError as error:
                dead.append((record, str(error)))
                continue
            events.append((record, Received(event, envelope, record.topic, record.partition, record.offset)))
        return events, dead

    async def _effect(
        self, tx: AsyncConnection, events: Sequence[tuple[Record, Received]], now: datetime
    ) -> None:
        if not events:
            return
        batch = [received for _, received in events]
        tracing.enter(batch[0].envelope.traceparent)
        with structlog.contextvars.bound_contextvars(event_id=batch[0].envelope.id, events=len(batch)):
            await self._handle(tx, batch, now)

    async def _retry_each(
        self, tx: AsyncConnection, events: Sequence[tuple[Record, Received]], now: datetime
    ) -> list[tuple[Record, str]]:
        failed = await with_savepoints(tx, events, lambda event: self._effect(tx, [event], now))
        return [(record, _reason(error)) for (record, _), error in failed]

    def _count_dead(self, dead: Sequence[tuple[Record, str]], now: datetime) -> None:
        for record, reason in dead:
            metrics.DEAD_LETTERS.labels(record.topic).inc()
            self._dead_at.append(now)
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            LOG.error("dead letter", **place, reason=reason)
        self._dead_at = deque(at for at in self._dead_at if at >= now - timedelta(minutes=1))
        if len(self._dead_at) > self._max_dead:
            raise TooManyDeadLettersError(f"{len(self._dead_at)} dead letters within a minute")

    async def _replay(self) -> None:
        """Handles the dead letters that a person asked for again, each on its own."""
        try:
            async with self._engine.begin() as tx:
                for letter, record in await dead_letters.requested(tx, self._topics):
                    now = self._clock()
                    events, dead = self._understand([record])
                    dead += await self._retry_each(tx, events, now)
                    if dead:
                        await dead_letters.still_dead(tx, letter, dead[0][1])
                    else:
                        await dead_letters.replayed(tx, letter, now)
                        LOG.info("dead letter replayed", letter=letter)
        except Exception as error:
            if not is_transient(error):
                raise
            LOG.warning("replay waits", reason=repr(error))

    async def _show_lag(self, consumer: AIOKafkaConsumer) -> None:
        positions = dict(self._expected)
        for partition, offset in positions.items():
            end = consumer.highwater(partition)
            if end is not None:
                metrics.CONSUMER_LAG.labels(partition.topic, str(partition.partition)).set(
                    max(0, end - offset)
                )
        if positions and positions != self._committed and await group_member.show(consumer, positions):
            self._committed = positions

    async def _pause(self, pause: timedelta) -> None:
        if not pause:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await self._stopping.wait()


def _longer(pause: timedelta) -> timedelta:
    """The next pause: doubled up to the longest, with jitter so that replicas do not knock together."""
    base = min(max(pause * 2, timedelta(milliseconds=100)), LONGEST_PAUSE)
    return base * random.uniform(0.8, 1.2)  # noqa: S311 - not for secrets


def _reason(error: Exception) -> str:
    if isinstance(error, NonRetryableError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (in {place.name}, line {place.lineno})"
