"""A consumer and a relay whose only effect is a table of names, on the real Kafka and PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.customers import CustomerCreated
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.kafka import outbox
from antiphon.kafka.consumer import Consumer, NonRetryableError, Received
from antiphon.kafka.relay import Relay
from antiphon.process.clock import utc_now
from deploy.kafka import Kafka
from tests.support.waiting import until

POISON = "poison"


async def take(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """Inserts the name of each customer, in the order of arrival. Raises NonRetryableError for a poison name."""
    names = [r.event.customer.name for r in batch if isinstance(r.event, CustomerCreated)]
    if POISON in names:
        raise NonRetryableError("it is poison")
    await tx.execute(
        text("insert into effect (name) select unnest(cast(:names as text[]))"),
        {"names": [n for n in names if n]},
    )


def customers(names: Sequence[str]) -> list[CustomerCreated]:
    """An event for each name, with the same customer id."""
    data = generate.example("customer.created.v1")["data"]
    example = CustomerCreated.model_validate(data)
    return [
        example.model_copy(update={"customer": example.customer.model_copy(update={"name": name})})
        for name in names
    ]


def outgoing(topic: str, events: Sequence[Event]) -> list[Outgoing]:
    return [encode(event, source="test", time=utc_now())._replace(topic=topic) for event in events]


@asynccontextmanager
async def consuming(
    engine: AsyncEngine, kafka: Kafka, topic: str, *, handle: Any = take, dead: int = 100
) -> AsyncGenerator[Consumer]:
    consumer = Consumer(
        service="tests", topics=[topic], handles=[CustomerCreated], handle=handle, engine=engine,
        kafka=kafka.bootstrap, clock=utc_now, max_dead_letters_per_minute=dead,
    )  # fmt: skip
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stop()
        await asyncio.wait_for(task, 20)


@asynccontextmanager
async def relaying(engine: AsyncEngine, kafka: Kafka) -> AsyncGenerator[None]:
    task = asyncio.create_task(Relay("tests", engine, kafka.bootstrap, utc_now).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def put(engine: AsyncEngine, topic: str, names: Sequence[str]) -> None:
    """Adds an event for each name to the outbox."""
    async with engine.begin() as tx:
        await outbox.publish(tx, outgoing(topic, customers(names)))


async def effects(engine: AsyncEngine) -> list[str]:
    """The names that took effect, in order."""
    async with engine.connect() as connection:
        return [row.name for row in await connection.execute(text("select name from effect order by id"))]


async def scalar(engine: AsyncEngine, query: str) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text(query))


async def arrived(engine: AsyncEngine, expected: Sequence[str]) -> None:
    """Waits until exactly these names took effect, in this order."""

    async def is_complete() -> bool:
        return await effects(engine) == list(expected)

    await until(is_complete, what=f"{len(expected)} effects in order")
