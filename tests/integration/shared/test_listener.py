"""What listens has connections of its own, which transactions do not lack."""

from contextlib import AsyncExitStack

from sqlalchemy import text

from antiphon.postgres.listener import Listener
from tests.conftest import NewDatabase
from tests.support.waiting import until

MANY = 20  # more than the pool of `create_engine` has


async def test_what_listens_takes_no_connection_of_the_pool(new_database: NewDatabase) -> None:
    engine = await new_database("ingest_social")
    async with AsyncExitStack() as entered:
        listeners = [await entered.enter_async_context(Listener(engine, "news")) for _ in range(MANY)]
        async with engine.begin() as tx:
            await tx.execute(text("select pg_notify('news', 'one'), pg_notify('news', 'two')"))
        for listener in listeners:
            assert (await listener.wait(30)).keys() == {"news"}
    left = text(
        "select count(*) from pg_stat_activity where datname = current_database() and query like 'LISTEN%'"
    )

    async def are_ended() -> bool:
        async with engine.connect() as connection:
            return await connection.scalar(left) == 0

    await until(are_ended)
