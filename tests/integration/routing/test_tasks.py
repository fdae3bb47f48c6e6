"""What routing does by itself, when a row breaks it, or when all of it is broken."""

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
from tests.support.routing.configured import AgentPool
from tests.support.routing.harness import AGAIN, opened
from tests.support.routing.running import at_it, until


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


# No need is written so; whoever reads it fails.
BROKEN = "update work_item set skills = '7' where case_reference = 'C-2'"


def failures(task: str) -> float:
    return REGISTRY.get_sample_value("antiphon_task_failures_total", {"task": task}) or 0


async def do(pool: AgentPool, *statements: str) -> None:
    async with pool.engine.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def test_a_timer_that_fails_is_put_off_and_the_others_fire(pool: AgentPool) -> None:
    await pool.apply(*(opened(number, pool.now) for number in (1, 2)))
    await pool.present("elena")
    assert await pool.assign() == 2
    overdue = "update timer set due_at = now() - interval '1 s'"
    await do(pool, BROKEN, overdue)
    before = failures("timers")

    async def put_off() -> bool:
        return await _pending(pool) == 1 and failures("timers") == before + 1

    async with at_it(tasks.fire_timers_forever(pool.engine, pool.configurations, utc_now)):
        await until(put_off)
        (left,) = await pool.rows(
            "select w.case_reference, t.due_at > now() + interval '30 s' as later from offer o join work_item w using "
            "(work_item_id) join timer t on t.subject = o.offer_id where o.result is null"
        )
        assert (left.case_reference, left.later) == ("C-2", True)
        await do(pool, BROKEN.replace("'7'", "'{}'"), overdue)
        await until(lambda: _none_pending(pool))


async def _pending(pool: AgentPool) -> int:
    return len(await pool.rows("select 1 from offer where result is null"))


async def _none_pending(pool: AgentPool) -> bool:
    return await _pending(pool) == 0


async def test_a_case_that_breaks_the_reconciliation_is_told_and_the_way_goes_on(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RECONCILE_EVERY_S", 0.01)
    await pool.apply(*(opened(number, pool.now) for number in (1, 2, 3)))
    await do(pool, BROKEN, "update work_item set queue = 'nowhere'")

    before = failures("reconciliation")

    async def at_its_end() -> bool:
        return bool(await pool.rows("select 1 from reconciliation where last_ended_at is not null"))

    async with at_it(tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)):
        await until(at_its_end)
    found = await pool.rows("select case_reference from work_item where queue <> 'nowhere' order by 1")
    assert [row.case_reference for row in found] == ["C-1", "C-3"]
    assert failures("reconciliation") == before + 1


async def test_an_assignment_that_fails_is_made_again(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    whole, came = assignment.assign, list[datetime]()

    async def once_broken(tx: AsyncConnection, *given: object) -> int:
        came.append(utc_now())
        if len(came) == 1:
            raise ValueError("a row that nobody thought of")
        return await whole(tx, pool.configurations, AGAIN, pool.now)

    monkeypatch.setattr(assignment, "assign", once_broken)
    async with at_it(tasks.assign_forever(pool.engine, pool.configurations, AGAIN, utc_now)):
        await until(lambda: _offered(pool))


async def _offered(pool: AgentPool) -> bool:
    return bool(await pool.pending())


async def test_a_reconciliation_that_fails_for_no_case_s_fault_is_tried_again(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []

    async def broken(
        _tx: AsyncConnection, _configurations: Configurations, _now: datetime, *, individually: bool
    ) -> tuple[int, bool]:
        tried.append(individually)
        raise ValueError("what nobody thought of")

    async def three_times() -> bool:
        return len(tried) >= 3

    monkeypatch.setattr(reconciliation, "run_part", broken)
    monkeypatch.setattr(tasks, "RECONCILE_EVERY_S", 0.01)
    async with at_it(tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)):
        await until(three_times)
    assert tried[:3] == [False, True, False]


async def test_a_database_that_lacks_a_table_ends_routing(
    pool: AgentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lacking(
        tx: AsyncConnection, _configurations: Configurations, _now: datetime, *, individually: bool
    ) -> tuple[int, bool]:
        await tx.execute(text("select 1 from nothing_of_that_name"))
        return 0, not individually

    monkeypatch.setattr(reconciliation, "run_part", lacking)
    with pytest.raises(ProgrammingError):
        async with asyncio.timeout(10):
            await tasks.reconcile_forever(pool.engine, pool.configurations, utc_now)
