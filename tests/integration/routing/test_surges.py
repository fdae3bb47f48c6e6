"""A surge is published once when it begins and once when it ends, however many replicas look."""

import asyncio
from datetime import timedelta

import pytest

from routing.queues import live, surges
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.counts import add_up
from tests.support.routing.harness import Harness, opened


@pytest.fixture
async def pool(new_database: NewDatabase) -> Harness:
    made = Harness(await new_database("routing"))
    await made.load()
    return made


async def look(pool: Harness) -> int:
    """Looks for surges once; returns how many began or ended."""
    async with pool.engine.begin() as tx:
        return await surges.detect(tx, pool.now)


async def published(pool: Harness) -> list[str]:
    """Which events of surges are in the outbox, in order."""
    rows = await pool.rows("select headers from outbox where topic = 'queues' order by id")
    return ["began" if "surge-began" in row.headers else "ended" for row in rows]


async def test_a_surge_begins_with_a_flood_is_shown_live_and_ends_after_it(pool: Harness) -> None:
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
    assert await published(pool) == ["began"]
    async with pool.engine.begin() as tx:
        active = await pool.configurations.active(tx, pool.now)
        surge_by_queue = {
            queue.queue: queue.surge for queue in (await live.read_state(tx, active, pool.now, {})).queues
        }
    assert surge_by_queue["planning"] is None
    surge = surge_by_queue["roads"]
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
    assert await published(pool) == ["began", "ended"]
    assert await look(pool) == 0


async def test_no_surge_begins_before_an_hour_of_arrivals_is_counted(pool: Harness) -> None:
    await pool.apply(*(opened(n, pool.now, "roads") for n in range(300)))
    pool.now += timedelta(minutes=2)
    assert await look(pool) == 0
    await add_up(pool)
    assert await look(pool) == 0


async def test_a_surge_of_one_label_over_several_queues_is_published_and_seen_by_rules(
    new_database: NewDatabase,
) -> None:
    pool = AgentPool(await new_database("routing"))
    labelling = {
        "name": "Lights",
        "when": 'interaction.text.contains("light")',
        "then": {"labels": ["light"]},
        "go_on": True,
    }
    asking = {
        "name": "An outage of lights",
        "when": 'interaction.text.contains("light") && labels["light"].surging',
        "then": {"queue": "front-desk", "priority": 10},
    }
    await pool.organise(
        lambda organisation: organisation["rules"].__setitem__(slice(0, 0), [labelling, asking])
    )
    pool.now = pool.now.replace(second=30, microsecond=0)
    number = 0

    async def minute(calls: int) -> None:
        nonlocal number
        batch = []
        for n in range(number, number + calls):
            event = opened(n, pool.now, ("roads", "planning", "rates")[n % 3])
            interaction = event.interaction.model_copy(
                update={"text": "the light is out", "channel": "email"}
            )
            batch.append(event.model_copy(update={"interaction": interaction}))
        await pool.apply(*batch)
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
    events = await pool.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-began.v1" in row.headers for row in events) == 1
    async with pool.engine.begin() as tx:
        live_state = await live.read_state(tx, await pool.active(tx), pool.now, {})
    assert [label.label for label in live_state.labels] == ["light"]
    await minute(1)
    (last,) = await pool.rows("select rule, context from decision order by at desc limit 1")
    assert last.rule == "An outage of lights"
    assert last.context['labels["light"].surging'] is True
    for _ in range(11):
        await minute(1)
    await look(pool)
    events = await pool.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-ended.v1" in row.headers for row in events) == 1
