"""A surge is told once when it begins and once when it is over, whatever number of replicas look."""

import asyncio
from datetime import timedelta

import pytest

from routing.queues import live, surges
from tests.conftest import NewDatabase
from tests.support.routing.configured import AgentPool
from tests.support.routing.counts import add_up
from tests.support.routing.harness import Harness, opened


@pytest.fixture
async def pool(new_database: NewDatabase) -> Harness:
    made = Harness(await new_database("routing"))
    await made.load()
    return made


async def look(pool: Harness) -> int:
    async with pool.engine.begin() as tx:
        return await surges.detect(tx, pool.now)


async def told(pool: Harness) -> list[str]:
    rows = await pool.rows("select headers from outbox where topic = 'queues' order by id")
    return ["began" if "surge-began" in row.headers else "ended" for row in rows]


async def test_a_flood_of_calls_begins_a_surge_that_everybody_sees_and_that_ends(pool: Harness) -> None:
    number = 0
    pool.now = pool.now.replace(second=30, microsecond=0)

    async def minute(calls: int) -> None:
        nonlocal number
        await pool.apply(*(opened(number + n, pool.now, "roads") for n in range(calls)))
        number += calls
        pool.now += timedelta(minutes=1)

    for _ in range(65):
        await minute(1)
    await add_up(pool)
    assert await look(pool) == 0
    for _ in range(5):
        await minute(12)
    assert sorted(await asyncio.gather(look(pool), look(pool))) == [0, 1]
    assert await told(pool) == ["began"]
    async with pool.engine.begin() as tx:
        active = await pool.configurations.active(tx)
        shown = {queue.queue: queue.surge for queue in (await live.read_state(tx, active, pool.now)).queues}
    assert shown["planning"] is None
    surge = shown["roads"]
    assert surge is not None
    assert (surge.arrived, surge.began_at) == (65, pool.now)
    assert 10 < surge.expected < 15
    await minute(12)
    assert await look(pool) == 0
    (row,) = await pool.rows("select * from surge")
    assert row.arrived == 76  # the most so far
    for _ in range(10):
        await minute(1)
    assert await look(pool) == 1
    assert await told(pool) == ["began", "ended"]
    assert await look(pool) == 0


async def test_nothing_is_a_surge_before_an_hour_is_known(pool: Harness) -> None:
    await pool.apply(*(opened(n, pool.now, "roads") for n in range(300)))
    pool.now += timedelta(minutes=2)
    assert await look(pool) == 0
    await add_up(pool)
    assert await look(pool) == 0


async def test_a_flood_with_one_label_over_several_queues_is_told_and_rules_can_ask_for_it(
    new_database: NewDatabase,
) -> None:
    pool = AgentPool(await new_database("routing"))
    light = {
        "name": "Lights",
        "when": 'interaction.text.contains("light")',
        "then": {"labels": ["light"]},
        "go_on": True,
    }
    ask = {
        "name": "An outage of lights",
        "when": 'interaction.text.contains("light") && labels["light"].surging',
        "then": {"queue": "front-desk", "priority": 10},
    }
    await pool.organise(lambda organisation: organisation["rules"].__setitem__(slice(0, 0), [light, ask]))
    pool.now = pool.now.replace(second=30, microsecond=0)
    number = 0

    async def minute(calls: int) -> None:
        nonlocal number
        events = []
        for n in range(number, number + calls):
            event = opened(n, pool.now, ("roads", "planning", "rates")[n % 3])
            said = event.interaction.model_copy(update={"text": "the light is out", "channel": "email"})
            events.append(event.model_copy(update={"interaction": said}))
        await pool.apply(*events)
        number += calls
        pool.now += timedelta(minutes=1)

    for _ in range(65):
        await minute(1)
    await add_up(pool)
    assert await look(pool) == 0
    for _ in range(4):
        await minute(12)
    await look(pool)
    rows = await pool.rows("select queue, label from surge")
    assert (None, "light") in [tuple(row) for row in rows]
    told = await pool.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-began.v1" in row.headers for row in told) == 1
    async with pool.engine.begin() as tx:
        shown = await live.read_state(tx, await pool.active(tx), pool.now)
    assert [label.label for label in shown.labels] == ["light"]
    await minute(1)
    (last,) = await pool.rows("select rule, context from decision order by at desc limit 1")
    assert last.rule == "An outage of lights"
    assert last.context['labels["light"].surging'] is True
    for _ in range(11):
        await minute(1)
    await look(pool)
    told = await pool.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-ended.v1" in row.headers for row in told) == 1
