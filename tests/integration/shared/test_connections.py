"""The supervisor keeps each connection apart from the others, and the process apart from what a document says."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.active_organisation import ActiveOrganisation, OrganisationVersion
from antiphon.connections import store
from antiphon.connections.states import NotConnectedError, Reason, State
from antiphon.connections.supervisor import Link, Supervisor
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.waiting import until


class One(NamedTuple):
    """A connection of the tests."""

    name: str
    kind: str = "imap"
    server: str | None = "imap.banksia.example"
    is_enabled: bool = True


Follow = Callable[[One, Link], Coroutine[Any, Any, None]]


@asynccontextmanager
async def running(
    engine: AsyncEngine, active: ActiveOrganisation, names: list[str], follow: Follow
) -> AsyncGenerator[None]:
    supervisor = Supervisor(engine, active, lambda _: [One(name) for name in names], follow, utc_now)
    task = asyncio.create_task(supervisor.run())
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def states(engine: AsyncEngine) -> dict[str, State]:
    async with engine.connect() as connection:
        return {name: report.state for name, report in (await store.read(connection)).items()}


async def test_a_connection_that_no_row_can_hold_ends_nothing_and_hides_no_other(
    new_database: NewDatabase,
) -> None:
    engine = await new_database("ingest_social")

    async def follow(_: One, link: Link) -> None:
        link.connected()
        await asyncio.Event().wait()

    async with running(engine, ActiveOrganisation.of_file(EXAMPLE), ["a\x00", "b"], follow):
        assert await until(lambda: states(engine)) == {"b": State.CONNECTED}


async def test_a_change_of_a_connection_wakes_only_that_one(new_database: NewDatabase) -> None:
    engine = await new_database("ingest_social")
    tries = Counter[str]()

    async def follow(one: One, link: Link) -> None:
        while True:
            tries[one.name] += 1
            await link.failed(NotConnectedError(Reason.LOGIN_REFUSED, "no"))

    async def listens() -> bool:
        async with engine.begin() as tx:
            await store.notify(tx, "a")
        return tries["a"] > 1

    async with running(engine, ActiveOrganisation.of_file(EXAMPLE), ["a", "b"], follow):
        await until(listens)
        before = tries["a"]
        async with engine.begin() as tx:
            await store.notify(tx, "no connection")
            await store.notify(tx, "a")

        async def is_tried_again() -> bool:
            return tries["a"] > before

        await until(is_tried_again)
        assert tries["b"] == 1


async def test_a_connection_whose_task_has_ended_begins_again_at_the_next_version(
    new_database: NewDatabase,
) -> None:
    engine = await new_database("ingest_social")
    active = ActiveOrganisation.of_file(EXAMPLE)
    begun: list[str] = []

    async def follow(one: One, _: Link) -> None:
        begun.append(one.name)

    async with running(engine, active, ["a"], follow):
        for times in (1, 2):

            async def has_begun(times: int = times) -> bool:
                return len(begun) == times

            await until(has_begun)
            active.replace(OrganisationVersion(active.current.number + 1, active.current.organisation))
