"""One bare hop on the same broker and database, without code of Antiphon: the limit to compare with.

It consumes 1 KiB events in batches of 500. In one transaction it inserts the interaction, upserts case and customer and
inserts the outgoing event. It publishes that event and deletes it. Run as a program it prints one JSON object.
"""

import asyncio
import json
import os
import sys
import time
from statistics import quantiles
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

BATCH, PARTITIONS, CUSTOMERS = 500, 6, 500
TABLES = """
    drop table if exists interaction, case_file, customer, outbox;
    create table interaction (id bigint primary key, customer int not null, content jsonb not null);
    create table case_file (id int primary key, interactions int not null);
    create table customer (id int primary key, interactions int not null);
    create table outbox (id bigint generated always as identity primary key, key text not null, value bytea not null);
"""
COUNT = """insert into {0} (id, interactions) select c, count(*) from unnest($1::int[]) c group by c order by c
    on conflict (id) do update set interactions = {0}.interactions + excluded.interactions"""


async def hop(
    bootstrap: str, database: str, events: int, per_second: float | None = None
) -> dict[str, float]:
    """Measures `events` events through one hop, as fast as possible or published at `per_second`.

    `events_per_s` and `cpu_s` are of all events. `p50_ms` and `p99_ms` are from the timestamp of an event to that of its outgoing
    event.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    names = [f"bare-hop-{name}-{os.getpid()}" for name in ("in", "out")]
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()
    db = await asyncpg.connect(database)
    await db.execute(TABLES)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=2)
    consumer = AIOKafkaConsumer(names[0], bootstrap_servers=bootstrap, group_id=names[0], auto_offset_reset="earliest",
                                enable_auto_commit=False)  # fmt: skip
    async with producer, consumer:
        publishing = asyncio.ensure_future(publish(producer, names[0], events, per_second))
        if per_second is None:
            await publishing
        began, cpu, done = time.perf_counter(), time.process_time(), 0
        ages: list[float] = []
        while done < events:
            found = await consumer.getmany(timeout_ms=500, max_records=BATCH)
            records = [record for part in found.values() for record in part]
            if records:
                written = await take(db, producer, names[1], records)
                ages += [
                    after.timestamp - before.timestamp for before, after in zip(records, written, strict=True)
                ]
                done += len(records)
        taken = time.perf_counter() - began
        cuts = quantiles(ages, n=100, method="inclusive")
        return {
            "events_per_s": done / taken,
            "cpu_s": time.process_time() - cpu,
            "p50_ms": cuts[49],
            "p99_ms": cuts[98],
        }


async def publish(producer: AIOKafkaProducer, topic: str, events: int, per_second: float | None) -> None:
    """Publishes the incoming events."""
    began, sent = time.perf_counter(), []
    for i in range(events):
        if per_second is not None:
            await asyncio.sleep(max(0.0, began + i / per_second - time.perf_counter()))
        value = json.dumps({"id": i, "text": "x" * 990}).encode()
        sent.append(await producer.send(topic, value, str(i % CUSTOMERS).encode()))
    await asyncio.gather(*sent)


async def take(
    db: asyncpg.Connection, producer: AIOKafkaProducer, topic: str, records: list[Any]
) -> list[Any]:
    """Handles one batch; returns the metadata of the published records in the order of `records`."""
    keys = [int(record.key or b"") for record in records]
    values = [record.value or b"" for record in records]
    async with db.transaction():
        await db.execute("insert into interaction select * from unnest($1::bigint[], $2::int[], $3::jsonb[])",
                         [json.loads(value)["id"] for value in values], keys, [v.decode() for v in values])  # fmt: skip
        await db.execute(COUNT.format("case_file"), keys)
        await db.execute(COUNT.format("customer"), keys)
        await db.execute("insert into outbox (key, value) select * from unnest($1::text[], $2::bytea[])",
                         [str(key) for key in keys], values)  # fmt: skip
    rows = await db.fetch("select id, key, value from outbox order by id")
    sending = [await producer.send(topic, row["value"], row["key"].encode()) for row in rows]
    written = await asyncio.gather(*sending)
    await db.execute("delete from outbox where id = any($1)", [row["id"] for row in rows])
    return written


if __name__ == "__main__":
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else None
    print(json.dumps(asyncio.run(hop(sys.argv[1], sys.stdin.readline().strip(), int(sys.argv[2]), rate))))  # noqa: T201
