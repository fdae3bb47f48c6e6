"""What routing does by itself, when it fails."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.clock import utc_now
from routing import reconciliation, tasks
from routing.configurations import Configurations
from tests.conftest import NewDatabase


async def test_an_error_in_the_reconciliation_does_not_end_routing(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[datetime] = []
    again = asyncio.Event()

    async def broken(
        _tx: AsyncConnection, _configurations: Configurations, now: datetime
    ) -> tuple[int, bool]:
        came.append(now)
        if len(came) > 1:
            again.set()
        raise ValueError("a case that nobody thought of")

    monkeypatch.setattr(reconciliation, "round_of", broken)
    monkeypatch.setattr(tasks, "ROUND_DONE_S", 0.01)
    running = asyncio.create_task(
        tasks.reconcile_forever(await new_database("routing"), Configurations(), utc_now)
    )
    async with asyncio.timeout(10):
        await again.wait()
    assert not running.done()
    running.cancel()


async def test_a_database_that_lacks_a_table_ends_routing(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lacking(
        tx: AsyncConnection, _configurations: Configurations, _now: datetime
    ) -> tuple[int, bool]:
        await tx.execute(text("select 1 from nothing_of_that_name"))
        return 0, True

    monkeypatch.setattr(reconciliation, "round_of", lacking)
    with pytest.raises(ProgrammingError):
        async with asyncio.timeout(10):
            await tasks.reconcile_forever(await new_database("routing"), Configurations(), utc_now)
