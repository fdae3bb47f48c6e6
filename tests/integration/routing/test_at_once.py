"""New work is offered by who hears of it, where nothing waits before it."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from routing.intake import consumer
from routing.store import staff
from tests.conftest import NewDatabase
from tests.integration.routing.floor import OFFERED, QUEUED, Floor, agent, queue
from tests.integration.routing.test_offers import opened, received, settled
from tests.integration.routing.test_queues import put_state


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    """Elena alone works in planning, and takes three at once."""
    made = Floor(await new_database("routing"))
    await made.organise(agent("elena", capacity=3))
    await made.present("elena")
    return made


async def _states(floor: Floor) -> list[tuple[str, str | None]]:
    rows = await floor.rows("select state, agent_id from work_item order by case_reference")
    return [(row.state, row.agent_id) for row in rows]


async def test_work_that_finds_somebody_free_is_offered_by_who_hears_of_it(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now), opened(2, floor.now), at_once=True)
    assert await _states(floor) == [(OFFERED, "elena")] * 2
    assert len((await floor.pending())["elena"]) == 2
    told = await floor.rows(
        "select headers::jsonb->>'ce_type' as type from outbox where topic = 'work' and headers like '%work.%' order by id"
    )
    # Each is told as queued, with its decision, before it is told as offered.
    assert [row.type for row in told] == ["work.queued.v1"] * 2 + ["work.offered.v1"] * 2
    assert await floor.assign() == 0


async def test_no_more_is_offered_than_there_is_room_for_and_the_most_urgent(floor: Floor) -> None:
    await floor.hear(*(opened(n, floor.now, waited=n) for n in range(1, 6)), at_once=True)
    assert await _states(floor) == [(QUEUED, None)] * 2 + [(OFFERED, "elena")] * 3
    assert await floor.assign() == 0


async def test_what_waits_already_goes_first(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now, waited=5))
    await floor.hear(opened(2, floor.now), at_once=True)
    assert await _states(floor) == [(QUEUED, None)] * 2
    assert await floor.assign() == 2


async def test_work_that_is_over_within_the_batch_is_not_offered(floor: Floor) -> None:
    event = opened(1, floor.now)
    await floor.hear(event, settled(event), at_once=True)
    assert await _states(floor) == [("completed", None)]
    assert await floor.pending() == {}


async def test_work_of_a_queue_that_is_paused_waits(floor: Floor) -> None:
    await put_state(floor, "planning", QueueState.PAUSED)
    await floor.hear(opened(1, floor.now), at_once=True)
    assert await _states(floor) == [(QUEUED, None)]


async def test_an_agent_whom_another_transaction_holds_is_not_waited_for(floor: Floor) -> None:
    async with floor.engine.begin() as other:
        await other.execute(text("select 1 from agent for update"))
        async with asyncio.timeout(10):
            await floor.hear(opened(1, floor.now), at_once=True)
    assert await _states(floor) == [(QUEUED, None)]
    assert await floor.assign() == 1


async def test_nobody_who_is_not_there_is_offered_work(floor: Floor) -> None:
    await floor.present("elena", Presence.OFFLINE)
    await floor.hear(opened(1, floor.now), at_once=True)
    assert await _states(floor) == [(QUEUED, None)]


async def test_what_waits_in_another_queue_of_the_same_people_goes_first(floor: Floor) -> None:
    await floor.organise(agent("elena", queues=["planning", "rates"], skills={"planning": 3, "rates": 3}))
    await floor.hear(opened(1, floor.now, "rates"))
    await floor.hear(opened(2, floor.now), at_once=True)
    assert await _states(floor) == [(QUEUED, None)] * 2


async def test_who_wraps_up_from_the_same_news_is_offered_nothing(floor: Floor) -> None:
    await floor.organise(queue("planning", wrap_up="30s"))
    first = opened(1, floor.now)
    await floor.hear(first, at_once=True)
    await floor.accept_all()
    await floor.hear(settled(first), opened(2, floor.now), at_once=True)
    assert await _states(floor) == [("completed", "elena"), (QUEUED, None)]
    assert await floor.assign() == 0


@pytest.mark.parametrize("meanwhile", ["works", "leaves", "older"])
async def test_what_happens_before_the_agent_is_locked_counts(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    await floor.organise(agent("elena", capacity=1))
    lock = staff.lock_free
    happens = {
        "works": lambda: floor.hear(opened(7, floor.now), at_once=True),
        "leaves": lambda: floor.present("elena", Presence.OFFLINE),
        "older": lambda: floor.hear(opened(7, floor.now, waited=9)),
    }

    async def late(tx: AsyncConnection, ids: Collection[str]) -> list[str]:
        monkeypatch.setattr(staff, "lock_free", lock)
        await happens[meanwhile]()
        return await lock(tx, ids)

    monkeypatch.setattr(staff, "lock_free", late)
    await floor.hear(opened(1, floor.now), at_once=True)
    assert (await _states(floor))[0] == (QUEUED, None)
    assert await floor.assign() == (meanwhile == "older")


async def test_of_many_who_hear_at_once_none_gives_more_than_an_agent_can_take(floor: Floor) -> None:
    await asyncio.gather(*(floor.hear(opened(n, floor.now), at_once=True) for n in range(1, 9)))
    states = await _states(floor)
    assert 1 <= states.count((OFFERED, "elena")) <= 3
    while await floor.assign():
        pass
    assert sorted(await _states(floor)) == [(OFFERED, "elena")] * 3 + [(QUEUED, None)] * 5


async def test_a_batch_that_is_taken_apart_leaves_its_work_to_the_assignment(floor: Floor) -> None:
    handle = consumer.handler(floor.configurations)
    async with floor.engine.begin() as tx, tx.begin_nested():
        await handle(tx, received(floor.now, opened(1, floor.now)), floor.now)
    assert await _states(floor) == [(QUEUED, None)]
    async with floor.engine.begin() as tx:
        await handle(tx, received(floor.now, opened(2, floor.now, "rates")), floor.now)
    assert await floor.assign() == 1


async def test_an_agent_who_accepts_by_themselves_has_it_at_once(floor: Floor) -> None:
    await floor.organise(agent("elena", auto_accept=True, capacity=3), queue("planning", offer_timeout="1h"))
    await floor.hear(opened(1, floor.now), at_once=True)
    assert await _states(floor) == [("accepted", "elena")]
