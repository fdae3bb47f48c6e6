"""Transactions take locks in one order, so that two never wait for each other."""

import asyncio

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import agent
from tests.support.routing.presence import heartbeat
from tests.support.waiting import until

_WAITING = "select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
_DUE = text(
    "update timer set due_at = now() - interval '1 s' where kind in ('presence-lost', 'offer-expiry')"
)


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    """Elena and Farid have an offer each, both send heartbeats, and all their timers are due."""
    made = AgentPool(await new_database("routing"))
    await made.organise(agent("elena", capacity=1), agent("farid", capacity=1))
    await made.apply(opened(1, made.now), opened(2, made.now))
    for who in ("elena", "farid"):
        await made.present(who)
        await heartbeat(made, who)
    await made.assign()
    assert len(await made.pending()) == 2
    async with made.engine.begin() as tx:
        await tx.execute(_DUE)
    return made


async def _wait_for_waiting(pool: AgentPool, count: int) -> None:
    async def enough_wait() -> bool:
        (row,) = await pool.rows(_WAITING)
        return row.n >= count

    await until(enough_wait, what=f"{count} transactions wait for a lock")


async def test_a_heartbeat_and_expiring_offers_never_deadlock(pool: AgentPool) -> None:
    """The timers that fire wait for the lock on Elena while a heartbeat of Farid arrives, whose timers are due too."""
    async with pool.engine.begin() as tx:
        await tx.execute(text("select 1 from agent where agent_id = 'elena' for no key update"))
        firing = [asyncio.create_task(pool.fire()) for _ in range(2)]
        await _wait_for_waiting(pool, 1)
        beat = asyncio.create_task(heartbeat(pool, "farid"))
        await asyncio.wait({beat}, timeout=2)
    assert await beat == "available"
    fired = await asyncio.gather(*firing)
    while any(fired):
        fired = [await pool.fire()]
    assert await pool.pending() == {}
    available = await pool.rows("select agent_id from agent where presence = :p", p=Presence.AVAILABLE)
    assert len(available) == 2


async def test_a_due_step_does_not_wait_for_a_transaction_that_locks_its_work(pool: AgentPool) -> None:
    """A transaction that decides about work sets its timers last; the step fires again after that."""
    (work, *_) = (await pool.works()).values()
    parameters = {"s": work.work_item_id}
    due = text("insert into timer (kind, subject, due_at) values ('step', :s, now() - interval '1 h')")
    later = text("insert into timer (kind, subject, due_at) values ('step', :s, now() + interval '1 h') "
                 "on conflict (kind, subject) do update set due_at = excluded.due_at")  # fmt: skip
    async with pool.engine.begin() as tx:
        await tx.execute(text("delete from timer"))
        await tx.execute(due, parameters)
    async with pool.engine.begin() as tx:
        await tx.execute(text("select 1 from work_item where work_item_id = :s for update"), parameters)
        async with asyncio.timeout(20):
            assert await pool.fire() > 0
        await tx.execute(later, parameters)
    (timer,) = await pool.rows("select kind, due_at > now() as waits from timer")
    assert (timer.kind, timer.waits) == ("step", True)
