"""A surge is told once when it begins and once when it is over, whatever number of replicas look."""

import asyncio
from datetime import timedelta

import pytest

from routing.queues import live, surges
from tests.conftest import NewDatabase
from tests.integration.routing.floor import Floor
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


async def test_a_flood_with_one_label_over_several_queues_is_told_and_rules_can_ask_for_it(
    new_database: NewDatabase,
) -> None:
    floor = Floor(await new_database("routing"))
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
    await floor.organise(lambda organisation: organisation["rules"].__setitem__(slice(0, 0), [light, ask]))
    floor.now = floor.now.replace(second=30, microsecond=0)
    number = 0

    async def minute(calls: int) -> None:
        nonlocal number
        events = []
        for n in range(number, number + calls):
            event = opened(n, floor.now, ("roads", "planning", "rates")[n % 3])
            said = event.interaction.model_copy(update={"text": "the light is out", "channel": "email"})
            events.append(event.model_copy(update={"interaction": said}))
        await floor.hear(*events)
        number += calls
        floor.now += timedelta(minutes=1)

    for _ in range(65):
        await minute(1)
    await settle(floor)
    assert await look(floor) == 0
    for _ in range(4):
        await minute(12)
    await look(floor)
    rows = await floor.rows("select queue, label from surge")
    assert (None, "light") in [tuple(row) for row in rows]
    told = await floor.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-began.v1" in row.headers for row in told) == 1
    async with floor.engine.begin() as tx:
        shown = await live.state(tx, await floor.force(tx), floor.now)
    assert [label.label for label in shown.labels] == ["light"]
    await minute(1)
    (last,) = await floor.rows("select rule, context from decision order by at desc limit 1")
    assert last.rule == "An outage of lights"
    assert last.context['labels["light"].surging'] is True
    for _ in range(11):
        await minute(1)
    await look(floor)
    told = await floor.rows("select headers from outbox where topic = 'queues'")
    assert sum("label.surge-ended.v1" in row.headers for row in told) == 1
