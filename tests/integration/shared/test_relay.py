"""The relay parks what Kafka refuses for good without blocking other events, waits out transient failures, and replays parked events."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownError
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from antiphon.contracts.customers import CustomerCreated
from antiphon.contracts.envelope import MAX_EVENT_BYTES, Outgoing
from antiphon.kafka import dead_letters, outbox
from antiphon.kafka.dead_letters import Record
from antiphon.kafka.publisher import Outcome, Pending, Publisher
from antiphon.kafka.relay import LEAD, Relay
from antiphon.kafka.unclear_refusals import UnclearRefusals
from antiphon.process import metrics
from antiphon.process.clock import utc_now
from deploy.kafka import MAX_MESSAGE_BYTES, PARTITIONS, Kafka
from deploy.site import Ports, Site
from deploy.world import jars
from tests.conftest import NewDatabase
from tests.support.consuming import customers, outgoing, scalar
from tests.support.waiting import until

EMPTY = "select not exists (select 1 from outbox)"
LEADER = f"select pid from pg_locks where locktype = 'advisory' and objid = {LEAD} and granted"
SESSIONS = "select sessions from pg_stat_database where datname = current_database()"
PARKED = "select count(*) from parked_event"
AT_ONCE = timedelta(0)


@pytest.fixture
async def database(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("routing")


@pytest.fixture
async def stream(kafka: Kafka) -> str:
    name = f"test-{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka.create_topics, name)
    return name


@asynccontextmanager
async def relaying(
    engine: AsyncEngine, kafka: Kafka, *, waits: timedelta = timedelta(minutes=5)
) -> AsyncGenerator[asyncio.Task[None]]:
    relay = Relay("tests", engine, kafka.bootstrap, utc_now, unknown_topic_waits=waits)
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def put(engine: AsyncEngine, topic: str, values: Sequence[bytes], key: str = "one key") -> None:
    """Inserts rows into the outbox without the checks of `publish`, as an older version may have left them."""
    async with engine.begin() as tx:
        await tx.execute(
            text("insert into outbox (topic, key, value, headers) values (:topic, :key, :value, :headers)"),
            [{"topic": topic, "key": key, "value": v, "headers": '{"ce_id": "an id"}'} for v in values],
        )


async def read(kafka: Kafka, topic: str) -> dict[int, list[bytes]]:
    """All values of a topic, by partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=None, max_partition_fetch_bytes=2**26
    )
    async with consumer:
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        values: dict[int, list[bytes]] = {partition.partition: [] for partition in partitions}
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                batch = await consumer.getmany(partition, timeout_ms=1000)
                values[partition.partition] += [r.value or b"" for records in batch.values() for r in records]
        return values


async def configure(kafka: Kafka, topic: str, **settings: Any) -> None:
    """Changes the configuration of a topic, and returns when the broker's log has it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        configs = {name.replace("_", "."): str(value) for name, value in settings.items()}
        # The controller answers before the broker has applied a change. The broker applies changes one after the other, and
        # shows each a moment before its log has it: so a second change that it shows says that the log has the first.
        for applied in (configs, configs | {"retention.ms": "600000000"}):
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, applied)])
            while not applied.items() <= (await _configs(admin, topic)).items():  # noqa: ASYNC110 - the broker is another process
                await asyncio.sleep(0.01)
    finally:
        await admin.close()


async def _configs(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    """The configuration of a topic as the broker shows it."""
    answers: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    ((_, _, _, _, entries),) = answers[0].resources
    return {entry[0]: entry[1] for entry in entries}


async def parked(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(text("select * from parked_event order by id")))


async def command(engine: AsyncEngine, *arguments: str) -> str:
    """Runs the program of `make dead-letters` for this database alone; returns its output."""
    url = engine.url.render_as_string(hide_password=False)
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "antiphon.kafka.dead_letters", *arguments],
        env={"ROUTING_DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def reporting(number: int) -> Callable[[], Awaitable[bool]]:
    """A condition: the metric reports so many parked events."""

    async def is_reported() -> bool:
        return REGISTRY.get_sample_value("antiphon_parked_events") == number

    return is_reported


def numbered(start: int, end: int) -> list[bytes]:
    return [b"event %d" % number for number in range(start, end)]


TOO_LARGE = b"x" * (MAX_MESSAGE_BYTES + 1)


async def test_a_too_large_event_is_parked_and_all_others_arrive_once_and_in_order(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    small = numbered(0, 999)
    await put(database, stream, [*small[:500], TOO_LARGE, *small[500:]])
    await put(database, stream, numbered(2000, 2010), key="another key")
    before = REGISTRY.get_sample_value("antiphon_events_parked_total", {"topic": stream}) or 0
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    (row,) = await parked(database)
    assert (row.topic, row.key, row.value, row.reason) == (
        stream, "one key", TOO_LARGE, "Kafka refused it: MESSAGE_SIZE_TOO_LARGE",
    )  # fmt: skip
    values = await read(kafka, stream)
    assert sorted(values.values()) == sorted([small, numbered(2000, 2010), *[[]] * (PARTITIONS - 2)])
    assert REGISTRY.get_sample_value("antiphon_events_parked_total", {"topic": stream}) == before + 1


async def test_a_thousand_refused_events_at_the_head_do_not_block_those_behind(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=2000)
    await put(database, stream, [b"x" * 3000] * 1000)
    await put(database, stream, numbered(0, 10))
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), within=120, what="the outbox to be sent")
    assert await scalar(database, PARKED) == 1000
    assert numbered(0, 10) in (await read(kafka, stream)).values()


async def test_of_a_refused_batch_only_the_record_to_blame_is_parked(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=2000)
    too_large = b"x" * 3000
    await put(
        database, stream, [*numbered(0, 5), too_large, *numbered(5, 10), too_large, *numbered(10, 3000)]
    )
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert [row.value for row in await parked(database)] == [too_large, too_large]
    assert numbered(0, 3000) in (await read(kafka, stream)).values()


async def test_an_event_that_no_segment_of_the_log_can_hold_is_parked(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=8 * 2**20, segment_bytes=2**20)
    await put(database, stream, [b"before", b"x" * (2**20 + 1), b"behind"])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert [row.reason for row in await parked(database)] == ["Kafka refused it: RECORD_LIST_TOO_LARGE"]
    assert [b"before", b"behind"] in (await read(kafka, stream)).values()


async def test_events_that_a_topic_refuses_are_parked_and_other_topics_go_on(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    group = AIOKafkaConsumer(stream, bootstrap_servers=kafka.bootstrap, group_id="makes the internal topic")
    async with group:
        pass
    await put(database, "__consumer_offsets", numbered(0, 3))
    await put(database, stream, numbered(0, 3))
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert {(row.topic, row.reason) for row in await parked(database)} == {
        ("__consumer_offsets", "Kafka refused it: INVALID_TOPIC")
    }
    assert numbered(0, 3) in (await read(kafka, stream)).values()


@pytest.mark.parametrize("name", ["no-such-topic", "no topic at all!"])
async def test_events_of_a_missing_topic_wait_without_blocking_others(
    database: AsyncEngine, kafka: Kafka, stream: str, name: str
) -> None:
    await put(database, name, numbered(0, 1500))
    await put(database, stream, numbered(0, 5))
    async with relaying(database, kafka):
        await until(
            lambda: scalar(database, "select count(*) = 1500 from outbox"), what="the others to leave"
        )
    assert await scalar(database, PARKED) == 0
    assert numbered(0, 5) in (await read(kafka, stream)).values()


async def test_events_of_a_topic_that_is_created_later_are_sent_in_order(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    late = f"{stream}-late"
    await put(database, late, numbered(0, 20))
    await put(database, stream, [b"other"])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, "select count(*) = 20 from outbox"), what="the others to leave")
        await asyncio.to_thread(kafka.create_topics, late)
        await until(lambda: scalar(database, EMPTY), what="the topic to be found")
    assert numbered(0, 20) in (await read(kafka, late)).values()
    assert await scalar(database, PARKED) == 0


async def test_events_of_a_topic_that_stays_missing_are_parked(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await put(database, "no-such-topic", numbered(0, 3))
    await put(database, stream, numbered(0, 3))
    async with relaying(database, kafka, waits=AT_ONCE):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be empty")
    assert {row.reason for row in await parked(database)} == {"the topic is not there, or we may not see it"}
    assert numbered(0, 3) in (await read(kafka, stream)).values()


async def test_a_dead_letter_whose_record_is_refused_stays_a_row_and_blocks_nothing(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    def letter(topic: str, offset: int, value: bytes) -> tuple[Record, str]:
        return Record(topic, 0, offset, b"key", value, ()), "it is poison"

    await asyncio.to_thread(kafka.create_topics, f"{stream}-tests-dlq")
    async with database.begin() as tx:
        letters = [
            letter("gone", 0, b"of no topic"),
            letter(stream, 0, TOO_LARGE),
            letter(stream, 1, b"small"),
        ]
        await dead_letters.keep(tx, letters, utc_now())
    await put(database, stream, numbered(0, 3))
    done = "select count(*) = 0 from dead_letter where published_at is null"
    async with relaying(database, kafka, waits=AT_ONCE):
        await until(lambda: scalar(database, done), what="each letter to be published or given up")
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    async with database.connect() as connection:
        rows = await connection.execute(text("select value, reason from dead_letter order by id"))
        reasons = {bytes(row.value): row.reason for row in rows}
    assert reasons[b"small"] == "it is poison"
    assert reasons[TOO_LARGE] == "it is poison (not on its topic: Kafka refused it: MESSAGE_SIZE_TOO_LARGE)"
    assert "the topic is not there" in reasons[b"of no topic"]


async def test_a_replayed_parked_event_arrives_when_its_topic_accepts_it(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=2000)
    big = [b"x" * 3000, b"y" * 3000]
    await put(database, stream, [big[0], b"small", big[1]])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
        assert await scalar(database, PARKED) == 2
        first, second = [row.id for row in await parked(database)]
        listed = await command(database, "list")
        assert f"parked:{first} " in listed
        assert "3000 bytes  event an id" in listed
        assert listed.count("Kafka refused it: MESSAGE_SIZE_TOO_LARGE") == 2
        assert "xxx" not in listed
        await command(database, "replay", f"parked:{first}", "--service", "routing")
        again = f"select max(id) > {second} and count(*) = 2 from parked_event"
        await until(lambda: scalar(database, again), what="it to be refused once more")
        await configure(kafka, stream, max_message_bytes=10_000)
        assert "2 parked events will be" in await command(database, "replay", "all")
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert await scalar(database, PARKED) == 0
    assert [b"small", *reversed(big)] in (await read(kafka, stream)).values()


async def test_the_number_of_parked_events_survives_a_restart_and_follows_replays(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=2000)
    await put(database, stream, [b"x" * 3000] * 2)
    async with relaying(database, kafka):
        await until(reporting(2), what="both to be reported as parked")
    metrics.PARKED_EVENTS.set(0)  # as in a process that has just started
    async with relaying(database, kafka):
        await until(reporting(2), what="both to be reported after a restart")
        first, _ = [row.id for row in await parked(database)]
        async with database.begin() as tx:
            await tx.execute(text(f"delete from parked_event where id = {first}"))
        await until(reporting(1), what="a deletion to be reported")
        await configure(kafka, stream, max_message_bytes=10_000)
        await command(database, "replay", "all")
        await until(reporting(0), what="none to be reported after the replay")
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert [b"x" * 3000] in (await read(kafka, stream)).values()


async def test_only_the_leading_relay_reports_parked_events(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, max_message_bytes=2000)
    await put(database, stream, [b"x" * 3000])
    async with database.connect() as connection:
        await connection.scalar(text(f"select pg_advisory_lock({LEAD})"))
        metrics.PARKED_EVENTS.set(1)  # as after a lead that it has lost
        async with relaying(database, kafka):
            await until(reporting(0), what="the relay that does not lead to report none")
            await connection.scalar(text(f"select pg_advisory_unlock({LEAD})"))
            await until(reporting(1), what="the leading relay to report it")


async def test_the_outbox_refuses_an_event_above_the_size_limit_and_takes_one_at_it(
    database: AsyncEngine,
) -> None:
    (record,) = outgoing("customers", customers(["Ada"]))
    space = MAX_EVENT_BYTES - record.size
    at_limit = record._replace(value=record.value + b" " * space)
    async with database.begin() as tx:
        await outbox.publish(tx, [at_limit])
    with pytest.raises(outbox.EventTooLargeError, match=CustomerCreated.type):
        async with database.begin() as tx:
            await outbox.publish(tx, [record, at_limit._replace(value=at_limit.value + b" ")])
    assert await scalar(database, "select count(*) from outbox") == 1


async def test_the_broker_takes_an_event_at_the_size_limit_with_key_and_headers(
    database: AsyncEngine, kafka: Kafka, stream: str
) -> None:
    (record,) = outgoing(stream, customers(["Ada"]))
    key = "ключ" * 100
    record = Outgoing(stream, key, record.value, record.headers | {"ce_partitionkey": key})
    record = record._replace(value=record.value + b" " * (MAX_EVENT_BYTES - record.size))
    async with database.begin() as tx:
        await outbox.publish(tx, [record])
    async with relaying(database, kafka):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert [record.value] in (await read(kafka, stream)).values()


# A topic that keeps the newest record of each key refuses records without a key. The client does not know that error, and raises
# the same one as for a failure of the broker itself.
UNKNOWN_REASON = "Kafka refused it: UNKNOWN"


async def publish(kafka: Kafka, unclear: UnclearRefusals, *pending: Pending) -> Outcome:
    """The outcome of publishing these records; an unknown error of the whole batch is ignored."""
    publisher = Publisher(kafka.bootstrap, "tests", unclear=unclear, unknown_topic_waits=AT_ONCE)
    outcome = Outcome()
    await publisher.start()
    try:
        with contextlib.suppress(UnknownError):
            await publisher.publish(pending, outcome)
    finally:
        await publisher.end()
    return outcome


async def test_a_record_refused_without_a_reason_waits_until_its_topic_takes_another(
    kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, cleanup_policy="compact")
    keyless = [Pending(number, stream, None, b"keyless", []) for number in (1, 2)]
    unclear = UnclearRefusals()
    for _ in range(2):
        assert await publish(kafka, unclear, *keyless) == Outcome()
    # Records without a key go to the partition of the empty key; this key has another partition.
    other = Pending(3, stream, b"one key", b"elsewhere", [])
    assert await publish(kafka, unclear, *keyless, other) == Outcome(
        [3], dict.fromkeys([1, 2], UNKNOWN_REASON)
    )


async def test_a_later_record_that_kafka_takes_shows_which_earlier_ones_are_to_blame(
    kafka: Kafka, stream: str
) -> None:
    await configure(kafka, stream, cleanup_policy="compact")
    values = [b"keyless", b"keyless too", b"good", b"keyless again", b"good too"]
    pending = [
        Pending(number, stream, b"" if value.startswith(b"good") else None, value, [])
        for number, value in enumerate(values)
    ]
    outcome = await publish(kafka, UnclearRefusals(), *pending)
    assert outcome == Outcome([2, 4], dict.fromkeys([0, 1, 3], UNKNOWN_REASON))
    assert [b"good", b"good too"] in (await read(kafka, stream)).values()


class KafkaWithAcls(Kafka):
    """A broker with access control lists. It allows what no entry is about."""

    @override
    def _write_configuration(self) -> None:
        super()._write_configuration()
        with self._configuration.open("a") as file:
            file.write("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n")
            file.write("allow.everyone.if.no.acl.found=true\n")

    def deny(self, *arguments: str) -> None:
        self._acl("--add", "--deny-principal", "User:ANONYMOUS", *arguments)

    def deny_all_writing(self) -> None:
        # Once the cluster has an entry, the broker denies what no entry allows; it needs these rights itself.
        self._acl("--add", "--allow-principal", "User:ANONYMOUS", "--operation", "All", "--cluster")
        self.deny("--operation", "IdempotentWrite", "--cluster")

    def allow_again(self) -> None:
        self._acl(
            "--remove",
            "--force",
            "--deny-principal",
            "User:ANONYMOUS",
            "--operation",
            "IdempotentWrite",
            "--cluster",
        )

    def _acl(self, *arguments: str) -> None:
        tool = ["java", "-cp", f"{self._jars}/*", "org.apache.kafka.tools.AclCommand"]
        done = subprocess.run(
            [*tool, "--bootstrap-server", self.bootstrap, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def kafka_with_acls(tmp_path: Path) -> Iterator[KafkaWithAcls]:
    site = Site(tmp_path, Ports.free(), durable=False)
    broker = KafkaWithAcls(
        site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site)
    )
    with broker:
        broker.create_topics()
        yield broker


async def test_events_of_topics_without_permission_are_parked_and_others_are_sent(
    database: AsyncEngine, kafka_with_acls: KafkaWithAcls
) -> None:
    await put(database, "customers", [b"before the permission was withdrawn"])
    async with relaying(database, kafka_with_acls, waits=AT_ONCE):
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
        await asyncio.to_thread(kafka_with_acls.deny, "--operation", "Write", "--topic", "customers")
        await asyncio.to_thread(kafka_with_acls.deny, "--operation", "All", "--topic", "agents")
        for topic in ("customers", "agents", "work"):
            await put(database, topic, numbered(0, 200))
        await until(lambda: scalar(database, EMPTY), what="the outbox to be empty")
    assert {(row.topic, row.reason) for row in await parked(database)} == {
        ("customers", "Kafka refused it: TOPIC_AUTHORIZATION_FAILED"),
        ("agents", "Kafka refused it: TOPIC_AUTHORIZATION_FAILED"),
    }
    assert await scalar(database, PARKED) == 400
    assert numbered(0, 200) in (await read(kafka_with_acls, "work")).values()


async def test_a_cluster_that_forbids_all_writes_is_waited_for_and_nothing_is_parked(
    database: AsyncEngine, kafka_with_acls: KafkaWithAcls
) -> None:
    await asyncio.to_thread(kafka_with_acls.deny_all_writing)
    await put(database, "work", numbered(0, 10))
    before = await scalar(database, SESSIONS)
    led = f"select exists ({LEADER}) or ({SESSIONS}) >= {before} + 3"
    async with relaying(database, kafka_with_acls, waits=AT_ONCE):
        await until(lambda: scalar(database, led), what="a leader")
        await asyncio.to_thread(kafka_with_acls.allow_again)
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert await scalar(database, PARKED) == 0
    assert numbered(0, 10) in (await read(kafka_with_acls, "work")).values()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Kafka]:
    """A broker of this test alone, not yet started."""
    site = Site(tmp_path, Ports.free(), durable=False)
    broker = Kafka(site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site))
    try:
        yield broker
    finally:
        broker.stop()


async def test_a_broker_that_is_down_or_has_no_topics_is_waited_for_and_nothing_is_parked(
    database: AsyncEngine, own_broker: Kafka
) -> None:
    await put(database, "work", numbered(0, 10))
    await put(database, "cases", numbered(0, 10))
    async with relaying(database, own_broker, waits=AT_ONCE):
        await asyncio.to_thread(own_broker.start)
        await until(lambda: scalar(database, f"select exists ({LEADER})"), what="a leader")
        await asyncio.to_thread(own_broker.create_topics)
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
    assert await scalar(database, PARKED) == 0
    assert numbered(0, 10) in (await read(own_broker, "work")).values()


async def test_a_relay_that_loses_its_lead_while_kafka_is_down_sends_no_event_twice(
    database: AsyncEngine, own_broker: Kafka
) -> None:
    await asyncio.to_thread(own_broker.start)
    await asyncio.to_thread(own_broker.create_topics)
    async with relaying(database, own_broker) as task:
        await put(database, "work", [b"first"])
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
        own_broker.process.kill()
        await put(database, "work", [b"second"])
        (pid,) = [await scalar(database, LEADER)]
        await until(
            lambda: scalar(database, f"select state = 'idle' from pg_stat_activity where pid = {pid}")
        )
        before = await scalar(database, SESSIONS)
        await scalar(database, f"select pg_terminate_backend({pid})")
        # Without Kafka a lead ends at once, too soon to be seen in the locks; but each lead is a session of its own.
        await until(lambda: scalar(database, f"select ({SESSIONS}) >= {before} + 2"), 60, "two more leads")
        await asyncio.to_thread(own_broker.start)
        await until(lambda: scalar(database, EMPTY), what="the outbox to be sent")
        assert [b"first", b"second"] in (await read(own_broker, "work")).values()
        own_broker.process.kill()
        await put(database, "work", [b"third"])
        task.cancel()
        # The relay ends although it can't deliver the event that it has read.
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 30)
