"""Throughput: the ingest services accept messages, then all are drained: from the first publication until the last one is routed."""

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
from tests.load.traffic import Customers, Ledger, Message

PATIENCE_S = 3600


@dataclass(frozen=True)
class Published:
    """Published and consumed interactions: their number, the seconds that it took, and the resources used."""

    count: int
    seconds: float
    used: meter.Usage

    @property
    def per_second(self) -> float:
        """Interactions per second, from the first publication until routing has consumed the last."""
        return self.count / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of all processes per 1,000 interactions, after they were accepted."""
        return sum(self.used.cpu_s.values()) / self.count * 1000


@dataclass(frozen=True)
class Drained(Published):
    """The same, with when, how fast and from whom the entry points accepted the interactions."""

    began: datetime
    accepting_seconds: float
    accepting_used: meter.Usage
    ledger: Ledger


class BareHop(NamedTuple):
    """The figures of one bare hop. CPU seconds are per 1,000 events, PostgreSQL and Kafka included; latencies in milliseconds."""

    per_second: float
    cpu_per_1000: float
    p50_ms: float
    p99_ms: float


async def bare_hop(stack: Stack, events: int, per_second: float | None = None) -> BareHop:
    """Measures `events` events through one bare hop, as fast as possible or at a steady rate."""
    stack.postgres.create_database("bare-hop")
    url = stack.postgres.url("bare-hop").replace("postgresql+asyncpg", "postgresql")
    before = meter.cpu(stack)
    program = await asyncio.create_subprocess_exec(
        sys.executable, "tests/load/bare_hop.py", stack.kafka.bootstrap, str(events),
        *([] if per_second is None else [str(per_second)]),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await program.communicate(url.encode())
    measured = json.loads(output)
    after = meter.cpu(stack)
    cpu = measured["cpu_s"] + sum(after[name] - before[name] for name in after)
    return BareHop(measured["events_per_s"], cpu / events * 1000, measured["p50_ms"], measured["p99_ms"])


async def drain(stack: Stack, flow: Flow, run: str, messages: list[Message]) -> Drained:
    """Sends `messages` while nothing is published, then publishes and waits until all events are consumed."""
    await flow.hold_relays()
    before = meter.usage(stack)
    began = utc_now()
    async with Customers(stack, run) as customers:
        await customers.send_all(messages)
    accepting_seconds = (utc_now() - began).total_seconds()
    await _social_caught_up(flow, messages)
    accepting_used = meter.usage(stack).since(before)
    published = await publish(stack, flow, len(messages))
    return Drained(
        published.count,
        published.seconds,
        published.used,
        began,
        accepting_seconds,
        accepting_used,
        customers.ledger,
    )


async def publish(stack: Stack, flow: Flow, count: int) -> Published:
    """Releases the relays, which publish `count` interactions, and waits until all events are consumed."""
    offsets = await flow.end_offsets()
    before = meter.usage(stack)
    await flow.release_relays()
    await flow.quiet(PATIENCE_S)
    used = meter.usage(stack).since(before)
    first = min(record.timestamp for record in await flow.records(offsets, ["interactions"])) / 1000
    return Published(count, (await flow.last_consumed_at()).timestamp() - first, used)


async def check(flow: Flow, drained: Drained) -> None:
    """Raises AssertionError unless each accepted message is on a case once, and its work is queued or offered."""
    rows = await flow.query(
        "case-mgmt",
        "select substring(i.interaction->'content'->>'text' from 'm[0-9]{7}x') as token, w.work_state "
        "from case_interaction i left join case_work w using (case_id) where i.accepted_at >= $1",
        drained.began,
    )
    accepted = Counter(message.token for messages in drained.ledger.accepted.values() for message in messages)
    assert Counter(row["token"] for row in rows) == accepted, "messages are missing or doubled on cases"
    states = Counter(row["work_state"] for row in rows)
    assert set(states) <= {"queued", "offered"}, f"work is neither queued nor offered: {states}"


async def _social_caught_up(flow: Flow, messages: list[Message]) -> None:
    posts = sum(message.channel == "social" for message in messages)
    if not posts:
        return
    async with asyncio.timeout(120):
        while True:
            (row,) = await flow.query("ingest-social", "select count(*) as n from outbox")
            if row["n"] >= posts:
                return
            await asyncio.sleep(0.2)
