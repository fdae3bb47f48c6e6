"""New work is offered in the transaction that queues it, where no other work waits before it."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from routing import store
from routing.intake import consumer
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import opened, received, status_changed
from tests.support.routing.organisation import agent, queue
from tests.support.routing.queues import put_state


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    """Elena is the only agent present in planning, with a capacity of three."""
    made = AgentPool(await new_database("routing"))
    await made.organise(agent("elena", capacity=3))
    await made.present("elena")
    return made


async def _states(pool: AgentPool) -> list[tuple[str, str | None]]:
    rows = await pool.rows("select state, agent_id from work_item order by case_reference")
    return [(row.state, row.agent_id) for row in rows]


async def test_new_work_is_offered_in_its_batch_when_an_agent_is_free(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now), at_once=True)
    assert await _states(pool) == [(OFFERED, "elena")] * 2
    assert len((await pool.pending())["elena"]) == 2
    events = await pool.rows(
        "select headers::jsonb->>'ce_type' as type from outbox where topic = 'work' and headers like '%work.%' order by id"
    )
    # Each item is published as queued, with its decision, before it is published as offered.
    assert [row.type for row in events] == ["work.queued.v1"] * 2 + ["work.offered.v1"] * 2
    assert await pool.assign() == 0


async def test_the_most_urgent_work_is_offered_up_to_the_capacity_of_the_agent(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now, waited=n) for n in range(1, 6)), at_once=True)
    assert await _states(pool) == [(QUEUED, None)] * 2 + [(OFFERED, "elena")] * 3
    assert await pool.assign() == 0


async def test_work_that_waits_already_goes_first(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now, waited=5))
    await pool.apply(opened(2, pool.now), at_once=True)
    assert await _states(pool) == [(QUEUED, None)] * 2
    assert await pool.assign() == 2


async def test_work_that_is_completed_in_its_batch_is_not_offered(pool: AgentPool) -> None:
    event = opened(1, pool.now)
    await pool.apply(event, status_changed(event), at_once=True)
    assert await _states(pool) == [("completed", None)]
    assert await pool.pending() == {}


async def test_work_of_a_paused_queue_waits(pool: AgentPool) -> None:
    await put_state(pool, "planning", QueueState.PAUSED)
    await pool.apply(opened(1, pool.now), at_once=True)
    assert await _states(pool) == [(QUEUED, None)]


async def test_an_agent_whose_row_another_transaction_locks_is_skipped(pool: AgentPool) -> None:
    async with pool.engine.begin() as other:
        await other.execute(text("select 1 from agent for update"))
        async with asyncio.timeout(10):
            await pool.apply(opened(1, pool.now), at_once=True)
    assert await _states(pool) == [(QUEUED, None)]
    assert await pool.assign() == 1


async def test_an_offline_agent_is_offered_no_work(pool: AgentPool) -> None:
    await pool.present("elena", Presence.OFFLINE)
    await pool.apply(opened(1, pool.now), at_once=True)
    assert await _states(pool) == [(QUEUED, None)]


async def test_work_that_waits_in_another_queue_of_the_same_agents_goes_first(pool: AgentPool) -> None:
    await pool.organise(agent("elena", queues=["planning", "rates"], skills={"planning": 3, "rates": 3}))
    await pool.apply(opened(1, pool.now, "rates"))
    await pool.apply(opened(2, pool.now), at_once=True)
    assert await _states(pool) == [(QUEUED, None)] * 2


async def test_an_agent_who_begins_to_wrap_up_in_the_same_batch_is_offered_nothing(pool: AgentPool) -> None:
    await pool.organise(queue("planning", wrap_up="30s"))
    first = opened(1, pool.now)
    await pool.apply(first, at_once=True)
    await pool.accept_all()
    await pool.apply(status_changed(first), opened(2, pool.now), at_once=True)
    assert await _states(pool) == [("completed", "elena"), (QUEUED, None)]
    assert await pool.assign() == 0


@pytest.mark.parametrize("change", ["works", "leaves", "older"])
async def test_changes_made_before_the_agent_is_locked_count(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await pool.organise(agent("elena", capacity=1))
    lock = store.agents.lock_free
    changes = {
        "works": lambda: pool.apply(opened(7, pool.now), at_once=True),
        "leaves": lambda: pool.present("elena", Presence.OFFLINE),
        "older": lambda: pool.apply(opened(7, pool.now, waited=9)),
    }

    async def change_then_lock(tx: AsyncConnection, ids: Collection[str]) -> list[str]:
        monkeypatch.setattr(store.agents, "lock_free", lock)
        await changes[change]()
        return await lock(tx, ids)

    monkeypatch.setattr(store.agents, "lock_free", change_then_lock)
    await pool.apply(opened(1, pool.now), at_once=True)
    assert (await _states(pool))[0] == (QUEUED, None)
    assert await pool.assign() == (change == "older")


async def test_concurrent_batches_never_offer_more_than_the_capacity_of_an_agent(pool: AgentPool) -> None:
    await asyncio.gather(*(pool.apply(opened(n, pool.now), at_once=True) for n in range(1, 9)))
    states = await _states(pool)
    assert 1 <= states.count((OFFERED, "elena")) <= 3
    while await pool.assign():
        pass
    assert sorted(await _states(pool)) == [(OFFERED, "elena")] * 3 + [(QUEUED, None)] * 5


async def test_a_batch_that_is_retried_one_by_one_leaves_its_work_to_the_assignment(pool: AgentPool) -> None:
    handle = consumer.handler(pool.configurations)
    async with pool.engine.begin() as tx, tx.begin_nested():
        await handle(tx, received(pool.now, opened(1, pool.now)), pool.now)
    assert await _states(pool) == [(QUEUED, None)]
    async with pool.engine.begin() as tx:
        await handle(tx, received(pool.now, opened(2, pool.now, "rates")), pool.now)
    assert await pool.assign() == 1


async def test_an_agent_with_auto_accept_has_new_work_at_once(pool: AgentPool) -> None:
    await pool.organise(agent("elena", auto_accept=True, capacity=3), queue("planning", offer_timeout="1h"))
    await pool.apply(opened(1, pool.now), at_once=True)
    assert await _states(pool) == [("accepted", "elena")]
