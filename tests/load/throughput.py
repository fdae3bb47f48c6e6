"""Throughput: what the doors took, drained from first publish until the last of it is in a queue."""

import asyncio
import json
import sys
from dataclasses import dataclass

from antiphon.clock import utc_now
from deploy.stack import Stack
from tests.load import meter
from tests.load.flow import Flow
from tests.load.traffic import Doors, Ledger, Message

PATIENCE_S = 3600


@dataclass(frozen=True)
class Drained:
    """One run: how many, in how long, with what."""

    count: int
    seconds: float
    used: meter.Usage
    door_seconds: float
    door_used: meter.Usage
    peak: dict[str, int]
    ledger: Ledger

    @property
    def per_second(self) -> float:
        """Interactions drained per second."""
        return self.count / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of all processes per 1,000 interactions, after the doors."""
        return sum(self.used.cpu_s.values()) / self.count * 1000


async def ceiling(stack: Stack, events: int) -> tuple[float, float]:
    """Events per second and CPU seconds per 1,000 of one bare hop, PostgreSQL and Kafka included."""
    stack.postgres.create_database("ceiling")
    url = stack.postgres.url("ceiling").replace("postgresql+asyncpg", "postgresql")
    before = meter.cpu(stack)
    program = await asyncio.create_subprocess_exec(
        sys.executable, "tests/load/ceiling.py", stack.kafka.bootstrap, str(events),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await program.communicate(url.encode())
    found = json.loads(told)
    after = meter.cpu(stack)
    cpu = found["cpu_s"] + sum(after[name] - before[name] for name in after)
    return found["events_per_s"], cpu / events * 1000


async def drain(stack: Stack, flow: Flow, run: str, messages: list[Message]) -> Drained:
    """Has the doors take `messages` while nothing is published, then publishes and waits until all is quiet."""
    await flow.hold()
    before = meter.usage(stack)
    began = utc_now()
    async with Doors(stack, run) as doors:
        await doors.say_all(messages)
    taken = utc_now()
    await _social_caught_up(flow, messages)
    at_doors = meter.usage(stack)
    marks = await flow.marks()
    async with meter.peak_memory(stack) as peak:
        await flow.release()
        await flow.quiet(PATIENCE_S)
    used = meter.usage(stack).since(at_doors)
    first = min(record.timestamp for record in await flow.records(marks, ["interactions"])) / 1000
    return Drained(
        count=len(messages),
        seconds=(await flow.heard_last()).timestamp() - first,
        used=used,
        door_seconds=(taken - began).total_seconds(),
        door_used=at_doors.since(before),
        peak=peak,
        ledger=doors.ledger,
    )


async def _social_caught_up(flow: Flow, messages: list[Message]) -> None:
    posts = sum(message.channel == "social" for message in messages)
    if not posts:
        return
    async with asyncio.timeout(120):
        while True:
            (row,) = await flow.ask("ingest-social", "select count(*) as n from outbox")
            if row["n"] >= posts:
                return
            await asyncio.sleep(0.2)
