"""The publisher sends records to Kafka: those of one partition in order, each until Kafka takes it or refuses it for good.

It sends the records of a partition in batches, the next when Kafka has acknowledged the one before: no record overtakes one
that failed. When Kafka refuses a batch, the publisher sends its records one by one, so that only the refused one stops. When the
client does not know the reason of a refusal, the publisher holds the record and its partition until Kafka takes another record
of the topic. After a refusal the publisher makes a new producer: the idempotent one has counted a batch that the broker has not.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from antiphon.contracts.topics import TOPICS
from antiphon.failures import Refusal, refusal
from antiphon.kafka.unclear_refusals import UnclearRefusals

# A request to Kafka holds so much of a partition: events of ours are 1 to 4 KB, so the default of 16 KB is a handful.
REQUEST_BYTES = 64 * 1024
# A broker closes the connection without an answer when a request has more than 100 MiB (`socket.request.max.bytes`).
MOST_BYTES = 64 * 1024 * 1024
# For how long a producer may deliver what it has taken before it is given up.
END_WITHIN_S = 5.0
CLOSE_WITHIN_S = 1.0
ASK_AGAIN_S = 5.0
# How long after each of its first refusals without a known reason a record is sent again.
UNCLEAR_PAUSES_S = (0.5, 1.0, 2.0, 4.0)

_PARTITIONER = DefaultPartitioner()
_Place: TypeAlias = tuple[str, int]


class Pending(NamedTuple):
    """A record to send, and the id under which its outcome is reported."""

    id: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass
class Outcome:
    """The outcome of records, by id. A record in neither was not sent: it is behind a refused one, or its topic does not exist."""

    acknowledged: list[int] = field(default_factory=list[int])
    refused: dict[int, str] = field(default_factory=dict[int, str])


class _Stopped(NamedTuple):
    """Where sending to a partition ended: the batch that was refused, and what stands behind it."""

    place: _Place
    batch: Sequence[Pending]
    behind: Sequence[Pending]
    error: KafkaError


class _Producer(AIOKafkaProducer):
    """The client's producer, with an end that does not wait for a broker that is away."""

    async def end(self) -> None:
        """Delivers what was taken, within a bound; what is not delivered then is given up and never sent."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_WITHIN_S):
                await self.flush()
                await self.stop()
                return
        self._closed = True
        sender = self._sender.sender_task
        if sender is not None:
            sender.cancel()
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self.client.close()
        if sender is not None:
            await asyncio.wait({sender}, timeout=CLOSE_WITHIN_S)


class Publisher:
    """Publishes records as `client`; `unclear` has the refusals that earlier publishers could not explain. Call `start` first and `end` last.

    The publisher waits for a topic that the cluster does not have, since metadata may be stale or the topic new. After
    `unknown_topic_waits` it refuses the records of that topic.
    """

    def __init__(
        self, kafka: str, client: str, *, unclear: UnclearRefusals, unknown_topic_waits: timedelta
    ) -> None:
        self._kafka = kafka
        self._client = client
        self._unclear = unclear
        self._unknown_topic_waits = unknown_topic_waits.total_seconds()
        self._producer: _Producer | None = None
        self._there: set[str] = set()
        self._unknown_since: dict[str, float] = {}
        self._asked_at = 0.0

    async def start(self) -> None:
        """Connects. Raises KafkaError while the cluster is away."""
        self._producer = _producer(self._kafka, self._client, idempotent=True)
        await self._producer.start()

    async def end(self) -> None:
        """Ends the connection within a bound, whether the cluster is there or not."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.end()

    def avoided(self) -> list[str]:
        """Topics that did not exist a moment ago: the caller need not pass their records now."""
        just = self._asked_at > 0 and asyncio.get_running_loop().time() - self._asked_at < ASK_AGAIN_S
        return list(self._unknown_since) if just else []

    async def publish(self, pending: Sequence[Pending], outcome: Outcome) -> None:
        """Sends records, and reports each in `outcome` as soon as its own is known.

        Raises KafkaError for a failure that is not about one record or topic; what `outcome` has by then stays true.
        """
        producer = self._producer
        if producer is None:
            raise KafkaError("the producer has ended")
        by_partition: dict[_Place, list[Pending]] = {}
        partitions = await self._partitions(producer, pending, outcome)
        for one in pending:
            count = partitions.get(one.topic)
            if count is not None and one.id not in outcome.refused:
                by_partition.setdefault((one.topic, _partition(one.key or b"", count)), []).append(one)
        ended = await asyncio.gather(
            *(
                _PartitionSender(producer, place, outcome, self._unclear).in_order(found)
                for place, found in by_partition.items()
            ),
            return_exceptions=True,
        )
        stopped = [where for where in ended if isinstance(where, _Stopped)]
        if stopped:
            await self.end()
            await self._apart(stopped, outcome)
            await self.start()
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _partitions(
        self, producer: _Producer, pending: Sequence[Pending], outcome: Outcome
    ) -> dict[str, int]:
        """How many partitions each topic has that is there; notes the records that no topic takes, whatever they say."""
        refused = {
            one.id: "it is too large for a request" for one in pending if len(one.value or b"") > MOST_BYTES
        }
        topics = {one.topic for one in pending}
        await self._look_for(producer, topics)
        now = asyncio.get_running_loop().time()
        partitions: dict[str, int] = {}
        for topic in topics:
            since = self._unknown_since.get(topic)
            reason: str | None = None
            if since is None:
                try:
                    partitions[topic] = len(await producer.partitions_for(topic))
                except KafkaError as error:
                    if refusal(error) is not Refusal.TOPIC:
                        raise
                    reason = _reason(error)
            elif now - since >= self._unknown_topic_waits:
                reason = "the topic is not there, or we may not see it"
            if reason is not None:
                refused |= {one.id: reason for one in pending if one.topic == topic}
        outcome.refused |= refused
        return partitions

    async def _look_for(self, producer: _Producer, topics: set[str]) -> None:
        """Finds out which of the topics are there. Raises KafkaError for a cluster that has none of ours: it is not set up."""
        if topics <= self._there:
            return
        cluster = await producer.client.fetch_all_metadata()
        there = cluster.topics(exclude_internal_topics=False)
        if not there & TOPICS.keys():
            raise UnknownTopicOrPartitionError
        self._there = there
        self._asked_at = asyncio.get_running_loop().time()
        missing = topics - there
        since = {topic: self._unknown_since.get(topic, self._asked_at) for topic in missing}
        self._unknown_since = {t: at for t, at in self._unknown_since.items() if t not in there} | since

    async def _apart(self, stopped: Sequence[_Stopped], outcome: Outcome) -> None:
        """Finds out which records of refused batches Kafka refuses. Records behind them are not sent."""
        alone: list[_Stopped] = []
        for where in stopped:
            if refusal(where.error) is Refusal.TOPIC:
                reason = _reason(where.error)
                outcome.refused |= {one.id: reason for one in (*where.batch, *where.behind)}
            else:
                alone.append(where)
        if not alone:
            return
        # Without numbers: a refused record leaves no gap for the next.
        producer = _producer(self._kafka, self._client, idempotent=False)
        try:
            await producer.start()
            ended = await asyncio.gather(
                *(
                    _PartitionSender(producer, where.place, outcome, self._unclear).each_alone(where.batch)
                    for where in alone
                ),
                return_exceptions=True,
            )
        finally:
            await producer.end()
        for error in ended:
            if error is not None:
                raise error


def _producer(kafka: str, client: str, *, idempotent: bool) -> _Producer:
    return _Producer(
        bootstrap_servers=kafka,
        client_id=client,
        enable_idempotence=idempotent,
        acks="all",
        linger_ms=0,  # what is sent together is appended before the sender gets its turn
        max_batch_size=REQUEST_BYTES,
    )


@lru_cache(maxsize=10_000)
def _partition(key: bytes, partitions: int) -> int:
    """Where a key's records go: as with every Kafka client, so that others who write to our topics agree with us."""
    places = range(partitions)
    place: int = _PARTITIONER(key, places, places)
    return place


@dataclass(frozen=True)
class _PartitionSender:
    """What is sent to one partition by one producer."""

    producer: _Producer
    place: _Place
    outcome: Outcome
    unclear: UnclearRefusals

    async def in_order(self, pending: Sequence[Pending]) -> _Stopped | None:
        """Sends records, as few requests as they fill: record by record costs twice the CPU."""
        sent = 0
        while sent < len(pending):
            batch = self.producer.create_batch()
            end = sent
            # The first always fits.
            while end < len(pending) and _append(batch, pending[end]):
                end += 1
            try:
                await self._acknowledged(batch, pending[sent:end])
            except KafkaError as error:
                if refusal(error) is None:
                    raise
                return _Stopped(self.place, pending[sent:end], pending[end:], error)
            sent = end
        return None

    async def each_alone(self, pending: Iterable[Pending]) -> None:
        """Sends records each on its own, and notes which are refused even so.

        Raises KafkaError when some are refused without a known reason and none is taken: that is the broker's fault.
        """
        held: list[tuple[Pending, KafkaError]] = []
        for one in pending:
            # Behind one that is held, others only show whether Kafka takes any.
            error = await self._alone(one, () if held else UNCLEAR_PAUSES_S)
            if error is not None:
                held.append((one, error))
            elif one.id not in self.outcome.refused:
                await self._decide(held, one.key)
                held = []
        for _, error in held:
            raise error

    async def _decide(self, held: Iterable[tuple[Pending, KafkaError]], taken: bytes | None) -> None:
        """Sends what was held once more, now that Kafka has taken another record; what it still refuses is to blame.

        What one of its own key has overtaken is not sent any more.
        """
        for one, error in held:
            if one.key == taken:
                self._refuse(one, error)
            elif (again := await self._alone(one, ())) is not None:
                self._refuse(one, again)

    async def _alone(self, one: Pending, pauses: Sequence[float]) -> KafkaError | None:
        """Sends a record on its own, again after each pause; the last refusal where it is not clear whose fault it is."""
        record = (one.topic, one.id)
        for pause in (*(() if record in self.unclear else pauses), None):
            sent_at = _now()
            batch = self.producer.create_batch()
            _append(batch, one)
            try:
                await self._acknowledged(batch, [one])
            except KafkaError as error:
                what = refusal(error)
                if what is None:
                    raise
                if what is not Refusal.UNCLEAR or self.unclear.is_to_blame(record, sent_at, _now()):
                    self._refuse(one, error)
                elif pause is None:
                    return error
                else:
                    await asyncio.sleep(pause)
                    continue
            break
        return None

    def _refuse(self, one: Pending, error: KafkaError) -> None:
        self.outcome.refused[one.id] = _reason(error)
        self.unclear.forget(one.topic, [one.id])

    async def _acknowledged(self, batch: BatchBuilder, pending: Sequence[Pending]) -> None:
        """Sends a batch and waits until Kafka has it. Raises KafkaError when it does not take it."""

        def note(answered: asyncio.Future[object]) -> None:
            if not answered.cancelled() and answered.exception() is None:
                self.outcome.acknowledged.extend(one.id for one in pending)
                self.unclear.taken(topic, [one.id for one in pending], sent_at)

        topic, partition = self.place
        sent_at = _now()
        answer: asyncio.Future[object] = await self.producer.send_batch(batch, topic, partition=partition)
        try:
            await asyncio.wait({answer})
        except asyncio.CancelledError:
            # What is delivered while the producer ends need not be sent again.
            answer.add_done_callback(note)
            raise
        note(answer)
        answer.result()


def _append(batch: BatchBuilder, one: Pending) -> bool:
    added = batch.append(timestamp=None, key=one.key, value=one.value, headers=one.headers)
    return added is not None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _reason(error: KafkaError) -> str:
    """The broker's own name for it."""
    return f"Kafka refused it: {getattr(error, 'message', '') or type(error).__name__}"
