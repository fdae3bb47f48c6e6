"""Work that nobody can take as things are, on a real PostgreSQL."""

from datetime import timedelta

import pytest

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from routing.work import stuck
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.backlog import Kind, add_waiting
from tests.support.routing.harness import opened
from tests.support.routing.organisation import queue
from tests.support.routing.queues import put_state
from tests.support.statements import counted


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    short = {"offer_timeout": "10s", "steps": []}
    await made.organise(*(queue(name, **short) for name in ("planning", "rates", "roads", "hazards")))
    return made


async def stuck_by_reference(pool: AgentPool, limit: int = 100) -> dict[str, str]:
    """What each stuck work item waits for, by the reference of its case, in the order of the answer."""
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        queues = list(active.configuration.queues)
        found = await stuck.stuck_work(tx, active, queues, limit, pool.now)
    return {one.work.case_reference: one.reason.kind for one in found}


async def test_work_is_stuck_while_nobody_is_there_and_longest_waits_come_first(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now, waited=n) for n in range(1, 4)))
    assert await stuck_by_reference(pool, 2) == {"C-3": "nobody", "C-2": "nobody"}
    await pool.present("elena")
    assert await stuck_by_reference(pool) == {}
    await pool.present("elena", Presence.OFFLINE)
    assert list(await stuck_by_reference(pool)) == ["C-3", "C-2", "C-1"]


async def test_work_is_stuck_in_a_paused_queue_and_for_a_skill_that_nobody_has(pool: AgentPool) -> None:
    await pool.present("elena")
    await add_waiting(pool, [Kind("planning", {"planning": 10})], 3, before=60)
    assert set((await stuck_by_reference(pool)).values()) == {"skill"}
    await put_state(pool, "planning", QueueState.PAUSED)
    assert set((await stuck_by_reference(pool)).values()) == {"queue"}


async def test_work_that_all_refused_is_stuck_and_new_work_is_not(pool: AgentPool) -> None:
    await pool.present("elena")
    await pool.apply(opened(1, pool.now))
    await pool.assign()
    (offer,) = (await pool.pending())["elena"]
    await pool.decline(offer, "elena")
    await pool.apply(opened(2, pool.now, department="rates"))
    assert await stuck_by_reference(pool) == {}
    pool.now += timedelta(seconds=21)
    assert await stuck_by_reference(pool) == {"C-1": "refused", "C-2": "nobody"}


async def test_work_that_waits_for_a_busy_agent_is_not_stuck(pool: AgentPool) -> None:
    await pool.present("elena")
    await pool.apply(*(opened(n, pool.now, waited=9) for n in range(1, 5)))
    await pool.assign()
    assert await stuck_by_reference(pool) == {}


async def test_stuck_work_takes_as_many_statements_however_much_waits(pool: AgentPool) -> None:
    await stuck_by_reference(pool)
    taken: list[int] = []
    for count in (5, 2_000):
        await add_waiting(pool, [Kind("planning", {}), Kind("rates", {"rates": 3})], count, before=60)
        with counted(pool.engine) as statements:
            assert len(await stuck_by_reference(pool, 50)) == min(50, count)
        taken.append(len(statements))
    assert taken[0] == taken[1]
