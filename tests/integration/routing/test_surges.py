"""A surge is told once when it begins and once when it is over, whatever number of replicas look."""

import asyncio
from datetime import timedelta

import pytest

from routing import live, surges
from tests.conftest import NewDatabase
from tests.integration.routing.test_live import settle
from tests.integration.routing.test_offers import Desk, opened


@pytest.fixture
async def floor(new_database: NewDatabase) -> Desk:
    made = Desk(await new_database("routing"))
    await made.load()
    return made


async def look(floor: Desk) -> int:
    async with floor.engine.begin() as tx:
        return await surges.look(tx, floor.now)


async def told(floor: Desk) -> list[str]:
    rows = await floor.rows("select headers from outbox where topic = 'queues' order by id")
    return ["began" if "surge-began" in row.headers else "ended" for row in rows]


async def test_a_flood_of_calls_begins_a_surge_that_everybody_sees_and_that_ends(floor: Desk) -> None:
    number = 0
    floor.now = floor.now.replace(second=30, microsecond=0)

    async def minute(calls: int) -> None:
        nonlocal number
        await floor.hear(*(opened(number + n, floor.now, "roads") for n in range(calls)))
        number += calls
        floor.now += timedelta(minutes=1)

    for _ in range(65):
        await minute(1)
    await settle(floor)
    assert await look(floor) == 0
    for _ in range(5):
        await minute(12)
    assert sorted(await asyncio.gather(look(floor), look(floor))) == [0, 1]
    assert await told(floor) == ["began"]
    async with floor.engine.begin() as tx:
        force = await floor.configurations.in_force(tx)
        shown = {queue.queue: queue.surge for queue in (await live.state(tx, force, floor.now)).queues}
    assert shown["planning"] is None
    surge = shown["roads"]
    assert surge is not None
    assert (surge.arrived, surge.began_at) == (65, floor.now)
    assert 10 < surge.expected < 15
    await minute(12)
    assert await look(floor) == 0
    (row,) = await floor.rows("select * from surge")
    assert row.arrived == 76  # the most so far
    for _ in range(10):
        await minute(1)
    assert await look(floor) == 1
    assert await told(floor) == ["began", "ended"]
    assert await look(floor) == 0


async def test_nothing_is_a_surge_before_an_hour_is_known(floor: Desk) -> None:
    await floor.hear(*(opened(n, floor.now, "roads") for n in range(300)))
    floor.now += timedelta(minutes=2)
    assert await look(floor) == 0
    await settle(floor)
    assert await look(floor) == 0
