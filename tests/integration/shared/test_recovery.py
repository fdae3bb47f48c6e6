"""Relays and consumers continue after another replica, a late commit, Kafka's retention, or a start before the database is up."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import Metric
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.kafka import outbox
from antiphon.kafka.relay import LEAD, Relay
from antiphon.process import metrics
from antiphon.process.clock import utc_now
from antiphon.service import begin
from deploy.kafka import Kafka
from tests.conftest import NewDatabase
from tests.support.consuming import arrived, consuming, customers, effects, outgoing, put, relaying, scalar
from tests.support.waiting import until

SENT = "select not exists (select 1 from outbox)"
LEADERS = f"select count(*) from pg_locks where locktype = 'advisory' and objid = {LEAD} and granted"


@pytest.fixture
async def database(new_database: NewDatabase) -> AsyncEngine:
    made = await new_database("routing")
    async with made.begin() as tx:
        await tx.execute(text("create table effect (id bigserial primary key, name text)"))
    return made


@pytest.fixture
async def stream(kafka: Kafka) -> str:
    name = f"test-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka.create_topics, name, f"{name}-tests-dlq")
    return name


@asynccontextmanager
async def reading(kafka: Kafka, topic: str) -> AsyncGenerator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, group_id=None, auto_offset_reset="earliest"
    )
    async with consumer:
        yield consumer


async def test_of_two_relays_one_leads_and_the_other_takes_over_when_it_ends(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    first = asyncio.create_task(Relay("tests", database, kafka.bootstrap, utc_now).run())
    await until(lambda: scalar(database, f"select ({LEADERS}) = 1"), what="a leader")
    async with relaying(database, kafka), consuming(database, kafka, stream):
        await put(database, stream, ["a", "b"])
        await arrived(database, ["a", "b"])
        assert await scalar(database, LEADERS) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await put(database, stream, ["c"])
        await arrived(database, ["a", "b", "c"])
        assert await scalar(database, LEADERS) == 1


async def test_an_outbox_row_with_a_lower_id_that_commits_later_is_sent_too(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    async with relaying(database, kafka), consuming(database, kafka, stream):
        async with database.begin() as late:
            await outbox.publish(late, outgoing(stream, customers(["early id, late commit"])))
            await put(database, stream, ["later id"])
            await arrived(database, ["later id"])
        await arrived(database, ["later id", "early id, late commit"])


async def test_records_removed_before_they_were_read_are_counted_and_the_rest_is_read(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await put(database, stream, ["removed 1", "removed 2", "kept"])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, SENT), what="the outbox to be sent")
    async with reading(kafka, stream) as reader:
        record = await reader.getone()
    place = TopicPartition(stream, record.partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(record.offset + 2)})
    finally:
        await admin.close()
    async with consuming(database, kafka, stream):
        await arrived(database, ["kept"])
    (missed,) = [
        sample.value
        for family in metrics.RECORDS_MISSED.collect()
        for sample in family.samples
        if sample.labels.get("topic") == stream and sample.name.endswith("_total")
    ]
    assert missed == 2
    assert await effects(database) == ["kept"]


async def test_an_overtaken_consumer_changes_nothing_and_continues_at_its_progress_row(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    before = metrics.BATCHES_FENCED.collect()
    async with consuming(database, kafka, stream):
        places = "select count(*) = 6 from consumer_progress where topic = '{}'"
        await until(lambda: scalar(database, places.format(stream)), what="the partitions")
        async with database.begin() as tx:  # as another consumer that has handled two events
            await tx.execute(
                text("update consumer_progress set next_offset = 2 where topic = :topic"), {"topic": stream}
            )
        await put(database, stream, ["theirs", "theirs too", "ours"])
        async with relaying(database, kafka):
            await arrived(database, ["ours"])
    assert _total(metrics.BATCHES_FENCED.collect()) > _total(before)


def _total(families: Iterable[Metric]) -> float:
    return sum(
        sample.value for family in families for sample in family.samples if sample.name.endswith("_total")
    )


async def test_a_log_that_ends_before_the_progress_row_is_read_from_its_beginning(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    async with database.begin() as tx:
        rows = "select :t, p, 3 from generate_series(0, 5) p"
        await tx.execute(
            text(f"insert into consumer_progress (topic, partition, next_offset) {rows}"), {"t": stream}
        )
    await put(database, stream, ["n1", "n2"])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, SENT), what="the outbox to be sent")
        async with consuming(database, kafka, stream):
            await arrived(database, ["n1", "n2"])
            await put(database, stream, ["n3", "n4"])
            await arrived(database, ["n1", "n2", "n3", "n4"])


async def test_a_start_waits_for_a_database_that_is_starting_up_and_for_nothing_else(
    database: AsyncEngine,
) -> None:
    codes = iter(["57P03", None, "42P01"])  # cannot connect now; none; undefined table

    async def load() -> None:
        if code := next(codes):
            async with database.begin() as tx:
                await tx.execute(text(f"do $$ begin raise exception using errcode = '{code}'; end $$"))

    await begin(load)
    with pytest.raises(DBAPIError):
        await begin(load)
