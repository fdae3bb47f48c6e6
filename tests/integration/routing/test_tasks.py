"""The background tasks of routing, when one row makes them fail and when everything does."""

import asyncio
from datetime import datetime

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.process.clock import utc_now
from routing import tasks
from routing.configuration.active import Configurations
from routing.work import assignment, reconciliation
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import AGAIN_AFTER, opened
from tests.support.routing.running import running
from tests.support.waiting import until


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


# Not a value that the service writes: to read it is an error.
BROKEN = "update work_item set skills = '7' where case_reference = 'C-2'"


def failures(task: str) -> float:
    """How often the task has failed, by its metric."""
    return REGISTRY.get_sample_value("antiphon_task_failures_total", {"task": task}) or 0


async def execute(pool: AgentPool, *statements: str) -> None:
    async with pool.engine.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def test_a_timer_that_fails_is_rescheduled_and_the_others_fire(pool: AgentPool) -> None:
    await pool.apply(*(opened(number, pool.now) for number in (1, 2)))
    await pool.present("elena")
    assert await pool.assign() == 2
    overdue = "update timer set due_at = now() - interval '1 s'"
    await execute(pool, BROKEN, overdue)
    before = failures("timers")

    async def is_rescheduled() -> bool:
        return await _pending(pool) == 1 and failures("timers") == before + 1

    async with running(tasks.fire_timers_forever(pool.engine, pool.configurations, utc_now)):
        await until(is_rescheduled)
        (pending,) = await pool.rows(
            "select w.case_reference, t.due_at > now() + interval '30 s' as later from offer o join work_item w using "
            "(work_item_id) join timer t on t.subject = o.offer_id where o.result is null"
        )
        assert (pending.case_reference, pending.later) == ("C-2", True)
        await execute(pool, BROKEN.replace("'7'", "'{}'"), overdue)
        await until(lambda: _none_pending(pool))


async def _pending(pool: AgentPool) -> int:
    return len(await pool.rows("select 1 from offer where result is null"))


async def _none_pending(pool: AgentPool) -> bool:
    return await _pending(pool) == 0


async def test_a_case_that_breaks_the_reconciliation_is_counted_and_the_round_goes_on(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RECONCILE_EVERY_S", 0.01)
    await pool.apply(*(opened(number, pool.now) for number in (1, 2, 3)))
    await execute(pool, BROKEN, "update work_item set queue = 'nowhere'")

    before = failures("reconciliation")

    async def round_ended() -> bool:
        return bool(await pool.rows("select 1 from reconciliation where last_ended_at is not null"))

    async with running(tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)):
        await until(round_ended)
    repaired = await pool.rows("select case_reference from work_item where queue <> 'nowhere' order by 1")
    assert [row.case_reference for row in repaired] == ["C-1", "C-3"]
    assert failures("reconciliation") == before + 1


async def test_a_failed_assignment_is_retried(pool: AgentPool, monkeypatch: pytest.MonkeyPatch) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assign, calls = assignment.assign, list[datetime]()

    async def fail_once(tx: AsyncConnection, *arguments: object) -> int:
        calls.append(utc_now())
        if len(calls) == 1:
            raise ValueError("an unexpected row")
        return await assign(tx, pool.configurations, AGAIN_AFTER, pool.now)

    monkeypatch.setattr(assignment, "assign", fail_once)
    async with running(tasks.assign_forever(pool.engine, pool.configurations, AGAIN_AFTER, utc_now)):
        await until(lambda: _offered(pool))


async def _offered(pool: AgentPool) -> bool:
    return bool(await pool.pending())


async def test_a_reconciliation_that_fails_without_a_case_to_blame_is_retried(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []

    async def fail(
        _tx: AsyncConnection, _configurations: Configurations, _now: datetime, *, individually: bool
    ) -> tuple[int, bool]:
        calls.append(individually)
        raise ValueError("an unexpected failure")

    async def three_times() -> bool:
        return len(calls) >= 3

    monkeypatch.setattr(reconciliation, "run_part", fail)
    monkeypatch.setattr(tasks, "RECONCILE_EVERY_S", 0.01)
    async with running(tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)):
        await until(three_times)
    assert calls[:3] == [False, True, False]


async def test_a_database_that_lacks_a_table_ends_routing(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def query_missing_table(
        tx: AsyncConnection, _configurations: Configurations, _now: datetime, *, individually: bool
    ) -> tuple[int, bool]:
        await tx.execute(text("select 1 from nothing_of_that_name"))
        return 0, not individually

    monkeypatch.setattr(reconciliation, "run_part", query_missing_table)
    with pytest.raises(ProgrammingError):
        async with asyncio.timeout(10):
            await tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)
