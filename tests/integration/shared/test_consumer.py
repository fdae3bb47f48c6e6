"""The consumer and the relay on a real Kafka and PostgreSQL: each event takes effect once and in order, whatever fails."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.envelope import decode
from antiphon.kafka import outbox
from antiphon.kafka.consumer import Received, TooManyDeadLettersError
from antiphon.postgres.query import fetch
from deploy.kafka import Kafka
from tests.conftest import NewDatabase
from tests.support.consuming import (
    POISON,
    arrived,
    consuming,
    customers,
    effects,
    outgoing,
    put,
    relaying,
    scalar,
    take,
)
from tests.support.statements import counted
from tests.support.waiting import until


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    made = await new_database("routing")
    async with made.begin() as tx:
        await tx.execute(text("create table effect (id bigserial primary key, name text)"))
    return made


@pytest.fixture
async def topic(kafka: Kafka) -> str:
    name = f"test-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka.create_topics, name, f"{name}-tests-dlq")
    return name


async def test_the_outbox_arrives_in_order_and_is_empty_afterwards(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    names = [f"n{number}" for number in range(1200)]
    for start in range(0, 1200, 100):
        await put(engine, topic, names[start : start + 100])
    async with relaying(engine, kafka), consuming(engine, kafka, topic):
        await arrived(engine, names)
    assert await scalar(engine, "select count(*) from outbox") == 0


async def test_a_batch_takes_two_statements_whatever_its_size(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    batches: list[int] = []

    async def take_and_count(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await take(tx, batch, now)
        batches.append(len(batch))

    await put(engine, topic, ["x"] * 500)
    async with relaying(engine, kafka):
        await until(
            lambda: scalar(engine, "select not exists (select 1 from outbox)"), what="the outbox to be sent"
        )
    with counted(engine) as statements:
        async with consuming(engine, kafka, topic, handle=take_and_count):
            await arrived(engine, ["x"] * 500)
    writes = [
        s for s in statements if s.lstrip().startswith(("insert into effect", "update consumer_progress"))
    ]
    assert len(writes) == 2 * len(batches)
    assert max(batches) > 100


async def test_a_redelivered_batch_changes_nothing(engine: AsyncEngine, kafka: Kafka, topic: str) -> None:
    await put(engine, topic, ["a", "b"])
    async with relaying(engine, kafka), consuming(engine, kafka, topic):
        await arrived(engine, ["a", "b"])
    # A consumer that is still at the beginning finds that the progress row has moved.
    from antiphon.kafka import progress  # noqa: PLC0415 - only here

    async with engine.begin() as tx:
        (partition,) = [
            p for p, at in (await progress.positions(tx, await _partitions(engine))).items() if at
        ]
        with pytest.raises(progress.OvertakenError):
            await progress.advance(tx, {partition: 0}, {partition: 2})
    async with consuming(engine, kafka, topic):
        await put(engine, topic, ["c"])
        async with relaying(engine, kafka):
            await arrived(engine, ["a", "b", "c"])


async def _partitions(engine: AsyncEngine) -> list[Any]:
    from aiokafka import TopicPartition  # noqa: PLC0415 - only here

    async with engine.connect() as connection:
        rows = await connection.execute(text("select topic, partition from consumer_progress"))
        return [TopicPartition(row.topic, row.partition) for row in rows]


async def test_two_consumers_share_the_partitions_and_each_event_takes_effect_once(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    names = [f"m{number}" for number in range(600)]
    events = [
        e.model_copy(update={"customer": e.customer.model_copy(update={"customer_id": uuid4()})})
        for e in customers(names)
    ]
    async with relaying(engine, kafka), consuming(engine, kafka, topic):
        for start in range(0, 300, 50):
            async with engine.begin() as tx:
                await outbox.publish(tx, outgoing(topic, events[start : start + 50]))
        async with consuming(engine, kafka, topic):  # a rebalance now, and another when it leaves
            for start in range(300, 500, 50):
                async with engine.begin() as tx:
                    await outbox.publish(tx, outgoing(topic, events[start : start + 50]))
        async with engine.begin() as tx:
            await outbox.publish(tx, outgoing(topic, events[500:]))

        async def all_arrived() -> bool:
            return sorted(await effects(engine)) == sorted(names)

        await until(all_arrived, within=60, what="every event once")


async def test_a_poison_event_is_dead_lettered_others_take_effect_and_a_replay_works(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(
            topic, b"not json", key=b"k", headers=[("ce_type", b"customer.created.v1")]
        )
    await put(engine, topic, ["a", POISON, "b"])
    async with relaying(engine, kafka), consuming(engine, kafka, topic):
        await arrived(engine, ["a", "b"])
        await until(
            lambda: scalar(engine, "select count(*) = 2 from dead_letter where published_at is not null")
        )
    async with engine.connect() as connection:
        rows = (await connection.execute(text("select * from dead_letter order by id"))).all()
    reasons = {row.reason for row in rows}
    assert "it is poison" in reasons
    assert any("ce_specversion" in reason for reason in reasons)
    assert {bytes(row.value) for row in rows if "ce_" in row.reason} == {b"not json"}

    async def cured(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        del now
        for received in batch:
            await tx.execute(
                text("insert into effect (name) values (:n)"), {"n": f"cured {received.event.type}"}
            )

    async with engine.begin() as tx:
        await tx.execute(text("update dead_letter set replay_requested_at = now()"))
    async with consuming(engine, kafka, topic, handle=cured):
        await arrived(engine, ["a", "b", "cured customer.created.v1"])

        async def all_replayed() -> bool:
            return await scalar(
                engine, "select count(*) = 0 from dead_letter where replay_requested_at is not null"
            )

        await until(all_replayed)
    assert await scalar(engine, "select count(*) from dead_letter where replayed_at is not null") == 1
    assert await scalar(engine, "select max(attempts) from dead_letter where replayed_at is null") == 2


async def test_too_many_dead_letters_end_the_process_with_an_error(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    await put(engine, topic, [POISON] * 20)
    with pytest.raises(TooManyDeadLettersError):
        async with relaying(engine, kafka), consuming(engine, kafka, topic, dead=10):
            await until(lambda: scalar(engine, "select count(*) = 20 from dead_letter"))


async def test_a_missing_column_ends_the_process_and_dead_letters_no_event(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    queried = asyncio.Event()

    async def query_missing_column(tx: AsyncConnection, _batch: Sequence[Received], _now: datetime) -> None:
        queried.set()
        await fetch(tx, text("select colour from effect"), {})

    await put(engine, topic, ["Ada", "Grace"])
    with pytest.raises(asyncpg.UndefinedColumnError):
        async with relaying(engine, kafka), consuming(engine, kafka, topic, handle=query_missing_column):
            await asyncio.wait_for(queried.wait(), 30)
    assert await scalar(engine, "select count(*) from dead_letter") == 0
    async with relaying(engine, kafka), consuming(engine, kafka, topic):
        await arrived(engine, ["Ada", "Grace"])


async def test_a_batch_that_loses_its_database_connection_is_retried(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    cuts: list[int] = []

    async def cut_once(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await take(tx, batch, now)
        if not cuts:
            cuts.append(1)
            async with engine.connect() as other:
                pid = await tx.scalar(text("select pg_backend_pid()"))
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            await tx.execute(text("select 1"))

    await put(engine, topic, ["a", "b"])
    async with relaying(engine, kafka), consuming(engine, kafka, topic, handle=cut_once):
        await arrived(engine, ["a", "b"])
    assert cuts


async def test_an_event_that_was_sent_but_not_deleted_is_sent_again_under_the_same_id(
    engine: AsyncEngine, kafka: Kafka, topic: str
) -> None:
    ids: list[str] = []

    async def note_ids(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        ids.extend(received.envelope.id for received in batch)
        await take(tx, batch, now)

    (record,) = outgoing(topic, customers(["a"]))
    envelope, _ = decode([(k, v.encode()) for k, v in record.headers.items()], record.value)
    async with consuming(engine, kafka, topic, handle=note_ids):
        for _ in range(2):  # as if the process died after Kafka acknowledged and before it deleted the row
            async with engine.begin() as tx:
                await outbox.publish(tx, [record])
            async with relaying(engine, kafka):
                await until(lambda: scalar(engine, "select count(*) = 0 from outbox"))
        await arrived(engine, ["a", "a"])
    assert ids == [envelope.id] * 2
