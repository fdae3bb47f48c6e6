"""Throughput: what the doors took, drained from first publish until the last of it is in a queue."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from antiphon.process.clock import utc_now
from deploy.stack import Stack
from tests.load import meter
from tests.load.flow import Flow
from tests.load.traffic import Doors, Ledger, Message

PATIENCE_S = 3600


@dataclass(frozen=True)
class Published:
    """What was published and taken by all: how many, in how long, with what."""

    count: int
    seconds: float
    used: meter.Usage

    @property
    def per_second(self) -> float:
        """Interactions per second, from first published until the last is in a queue."""
        return self.count / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of all processes per 1,000 interactions, after the doors."""
        return sum(self.used.cpu_s.values()) / self.count * 1000


@dataclass(frozen=True)
class Drained(Published):
    """The same, after the doors took it."""

    began: datetime
    door_seconds: float
    door_used: meter.Usage
    ledger: Ledger


class BareHop(NamedTuple):
    """What one bare hop takes. CPU seconds are per 1,000 events, PostgreSQL and Kafka included; times in milliseconds."""

    per_second: float
    cpu_per_1000: float
    p50_ms: float
    p99_ms: float


async def bare_hop(stack: Stack, events: int, per_second: float | None = None) -> BareHop:
    """`events` events through one bare hop: as fast as it takes them, or at a steady rate."""
    stack.postgres.create_database("ceiling")
    url = stack.postgres.url("ceiling").replace("postgresql+asyncpg", "postgresql")
    before = meter.cpu(stack)
    program = await asyncio.create_subprocess_exec(
        sys.executable, "tests/load/ceiling.py", stack.kafka.bootstrap, str(events),
        *([] if per_second is None else [str(per_second)]),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await program.communicate(url.encode())
    found = json.loads(told)
    after = meter.cpu(stack)
    cpu = found["cpu_s"] + sum(after[name] - before[name] for name in after)
    return BareHop(found["events_per_s"], cpu / events * 1000, found["p50_ms"], found["p99_ms"])


async def drain(stack: Stack, flow: Flow, run: str, messages: list[Message]) -> Drained:
    """Has the doors take `messages` while nothing is published, then publishes and waits until all is quiet."""
    await flow.hold()
    before = meter.usage(stack)
    began = utc_now()
    async with Doors(stack, run) as doors:
        await doors.say_all(messages)
    door_seconds = (utc_now() - began).total_seconds()
    await _social_caught_up(flow, messages)
    door_used = meter.usage(stack).since(before)
    published = await publish(stack, flow, len(messages))
    return Drained(
        published.count, published.seconds, published.used, began, door_seconds, door_used, doors.ledger
    )


async def publish(stack: Stack, flow: Flow, count: int) -> Published:
    """Lets the doors publish the `count` interactions that they hold, and waits until all is quiet."""
    marks = await flow.marks()
    before = meter.usage(stack)
    await flow.release()
    await flow.quiet(PATIENCE_S)
    used = meter.usage(stack).since(before)
    first = min(record.timestamp for record in await flow.records(marks, ["interactions"])) / 1000
    return Published(count, (await flow.heard_last()).timestamp() - first, used)


async def agree(flow: Flow, drained: Drained) -> None:
    """Raises AssertionError unless each message that a door took is on a case once, and waits in a queue."""
    rows = await flow.ask(
        "case-mgmt",
        "select substring(i.interaction->'content'->>'text' from 'm[0-9]{7}x') as token, w.work_state "
        "from case_interaction i left join case_work w using (case_id) where i.accepted_at >= $1",
        drained.began,
    )
    taken = Counter(message.token for messages in drained.ledger.taken.values() for message in messages)
    assert Counter(row["token"] for row in rows) == taken, "lost or doubled on the way to a case"
    states = Counter(row["work_state"] for row in rows)
    assert set(states) <= {"queued", "offered"}, f"work is {states}"


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
