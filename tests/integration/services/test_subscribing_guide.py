"""The program of docs/guides/subscribing.md, run as it stands on events of the real routing and a real Kafka."""

import asyncio
import contextlib
import re
import sqlite3
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from antiphon.access.roles import Role
from antiphon.contracts.cases import CaseOpened
from antiphon.kafka.relay import Relay
from antiphon.process.clock import utc_now
from deploy.kafka import PARTITIONS, Kafka
from deploy.site import PROJECT, Ports, Site
from deploy.world import jars
from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, case, opened_api
from tests.support.waiting import until

GUIDE = (PROJECT / "docs" / "guides" / "subscribing.md").read_text()
PLACES = [TopicPartition("work", number) for number in range(PARTITIONS)]
View = dict[str, tuple[int, int]]
"""By queue: how many items are open, and how often work was queued."""


def block(kind: str) -> str:
    """The guide's only block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Kafka]:
    """A broker with no events but this test's."""
    ports = Ports.free()
    with Kafka(tmp_path / "kafka", ports.kafka, ports.kafka_controller, jars(Site.default())) as alone:
        alone.create_topics("work", "queues", "agents", "configuration")
        yield alone


@pytest.fixture
async def routing(new_database: NewDatabase, broker: Kafka, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    """Routing, whose relay sends what it publishes to the broker."""
    engine = await new_database("routing")
    relay = asyncio.create_task(Relay("routing", engine, broker.bootstrap, utc_now).run())
    async with opened_api(engine, tmp_path) as service:
        yield service
    relay.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relay


class Program:
    """The guide's program and the file of its view."""

    def __init__(self, folder: Path, broker: Kafka) -> None:
        self.code, self.file = folder / "open_work.py", folder / "open_work.db"
        self.code.write_text(block("python"))
        self._broker = broker.bootstrap

    async def start(self) -> asyncio.subprocess.Process:
        given = [str(self.code), self._broker, str(self.file)]
        return await asyncio.create_subprocess_exec(
            sys.executable, *given, stderr=asyncio.subprocess.PIPE, cwd=self.code.parent
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Killed at the end."""
        process = await self.start()
        try:
            yield
            assert process.returncode is None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the file answers; nothing while it has no tables."""
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as view:
            return view.execute(query).fetchall()

    async def has_read(self, broker: Kafka) -> None:
        """Returns when the program's progress is the end of the topic."""
        ends = {p: end for p, end in (await end_offsets(broker)).items() if end}

        async def is_there() -> bool:
            with contextlib.suppress(sqlite3.OperationalError):  # no file, or no table yet
                return dict(self.ask("select partition, next_offset from progress")) == ends
            return False

        await until(is_there, what="the program has read the topic")


async def end_offsets(broker: Kafka) -> dict[int, int]:
    """By partition of the topic."""
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        return {place.partition: end for place, end in (await consumer.end_offsets(PLACES)).items()}


async def published(service: RoutingApi) -> None:
    """Returns when the relay has sent everything."""

    async def is_empty() -> bool:
        return not await service.rows("select 1 from outbox")

    await until(is_empty, what="the outbox is empty")


async def repeat(broker: Kafka) -> int:
    """Writes the topic's events again behind themselves, as a relay does that crashed before it deleted them."""
    ends, again = await end_offsets(broker), 0
    async with (
        AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer,
        AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer,
    ):
        for place in (place for place in PLACES if ends[place.partition]):
            consumer.assign([place])
            consumer.seek(place, 0)
            for _ in range(ends[place.partition]):
                record = await consumer.getone(place)
                await producer.send_and_wait("work", record.value, record.key, headers=list(record.headers))
                again += 1
    return again


async def shown(program: Program) -> View:
    """What the program's file says."""
    queued = dict(program.ask("select queue, count(*) from queued group by queue"))
    return {queue: (waiting, queued[queue]) for queue, waiting, _ in program.ask(block("sql"))}


async def kept(service: RoutingApi) -> View:
    """What routing's own database says."""
    rows = await service.rows(
        "select queue, count(*) filter (where state <> 'completed') as waiting, count(*) as queued from work_item group by queue"
    )
    return {row.queue: (row.waiting, row.queued) for row in rows if row.waiting}


async def dues(service: RoutingApi) -> list[tuple[Any, ...]]:
    """The guide's answer, asked of routing's own database."""
    rows = await service.rows(
        "select queue, count(*) as waiting, to_char(min(due_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as due_at "
        "from work_item where state <> 'completed' group by queue order by 3, queue"  # by the second, as the guide does
    )
    return [tuple(row) for row in rows]


def waiting_for_days(event: CaseOpened) -> CaseOpened:
    """The same case, due before the others."""
    since = utc_now() - timedelta(days=30)
    return event.model_copy(update={"case": event.case.model_copy(update={"awaiting_answer_since": since})})


async def complete(service: RoutingApi, reference: str) -> None:
    """A supervisor completes the work of a case."""
    (row,) = await service.rows("select work_item_id from work_item where case_reference = :reference", reference=reference)  # fmt: skip
    path = f"/work/{row.work_item_id}/complete"
    done = await service.ask(
        "POST", path, role=Role.SUPERVISOR, name="sam", json={"reason": "a call settled it"}
    )
    assert done.status_code == 200, done.text


async def test_the_guides_view_is_what_routing_has_also_after_kills_and_repeated_events(
    routing: RoutingApi, broker: Kafka, tmp_path: Path
) -> None:
    program = Program(tmp_path, broker)
    await routing.apply(case(1, "rates"), waiting_for_days(case(2, "rates")), case(3, "planning"))
    await published(routing)
    async with program.running():
        await program.has_read(broker)
        assert program.ask(block("sql")) == await dues(routing)
        assert await shown(program) == await kept(routing) == {"rates": (2, 2), "planning": (1, 1)}
        await complete(routing, "C-2")
        await published(routing)
        await program.has_read(broker)
        assert await shown(program) == {"rates": (1, 2), "planning": (1, 1)}
        assert program.ask(block("sql")) == await dues(routing)
    # It was killed. What happens now it reads when it is there again, and what it has read it does not count twice.
    await routing.apply(case(4, "rates"))
    await published(routing)
    assert await repeat(broker) > 5
    async with program.running():
        await program.has_read(broker)
        assert await shown(program) == await kept(routing) == {"rates": (2, 3), "planning": (1, 1)}
        assert program.ask(block("sql")) == await dues(routing)
    program.file.unlink()
    async with program.running():
        await program.has_read(broker)
        assert await shown(program) == await kept(routing)


async def test_the_guides_program_stops_when_events_were_deleted_before_it_read_them(
    routing: RoutingApi, broker: Kafka, tmp_path: Path
) -> None:
    program = Program(tmp_path, broker)
    await routing.apply(case(1, "rates"))
    await published(routing)
    async with program.running():
        await program.has_read(broker)
    await routing.apply(case(2, "rates"), case(3, "planning"), case(4, "roads"))
    await published(routing)
    ends = await end_offsets(broker)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(ends[place.partition]) for place in PLACES})
    finally:
        await admin.close()
    process = await program.start()
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 1
    assert b"deleted before they were read" in errors
