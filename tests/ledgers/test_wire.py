"""The proxy counts what was asked, whichever way of the driver was used and however the transaction ends."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.postgres.engine import create_engine
from antiphon.postgres.query import driver_of, fetch
from tests.conftest import NewDatabase
from tests.ledgers.wire import Counts, Wire

ONE = text("select 1 as one")


@pytest.fixture
async def wire(new_database: NewDatabase) -> AsyncIterator[tuple[Wire, AsyncEngine]]:
    direct = (await new_database("routing")).url
    async with Wire(direct.port or 0) as made:
        through = direct.set(port=made.port).update_query_dict({"ssl": "disable"})
        engine = create_engine(through.render_as_string(hide_password=False))
        async with engine.begin() as tx:
            await tx.execute(ONE)
            await fetch(tx, ONE, {})
        assert made.take().connections == 1
        yield made, engine
        await engine.dispose()


async def test_a_transaction_of_two_statements_takes_four_round_trips(
    wire: tuple[Wire, AsyncEngine],
) -> None:
    counting, engine = wire
    async with engine.begin() as tx:
        await tx.execute(ONE)
        await fetch(tx, ONE, {})
        assert not counting.is_quiet
    counts = counting.take()
    assert (counts.transactions, counts.round_trips, counts.prepared, counts.connections) == (1, 4, 0, 0)
    assert counts.statements == ["select 1 as one"] * 2
    assert counting.is_quiet


async def test_a_single_statement_is_a_transaction_in_one_round_trip(wire: tuple[Wire, AsyncEngine]) -> None:
    counting, engine = wire
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await driver_of(connection).execute("select 1; select 2")
    counts = counting.take()
    assert (counts.transactions, counts.statements, counts.round_trips) == (1, ["select 1; select 2"], 1)


async def test_a_single_statement_can_be_excluded_with_its_transaction_and_round_trip(
    wire: tuple[Wire, AsyncEngine],
) -> None:
    counting, engine = wire
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(ONE)
        await driver_of(connection).execute("select 2")
    assert counting.take().without("select 2") == Counts(["select 1 as one"], 1, 1, 0, 0)


async def test_a_statement_that_the_connection_prepares_is_counted_as_prepared(
    wire: tuple[Wire, AsyncEngine],
) -> None:
    counting, engine = wire
    async with engine.begin() as tx:
        await fetch(tx, text("select 3 as three"), {})
        await driver_of(tx).fetch("select 4 as four")
    counts = counting.take()
    assert (counts.transactions, counts.prepared) == (1, 2)
    assert counts.statements == ["select 3 as three", "select 4 as four"]


async def test_a_transaction_that_is_rolled_back_is_counted_with_its_statements(
    wire: tuple[Wire, AsyncEngine],
) -> None:
    counting, engine = wire
    async with engine.connect() as connection:
        await connection.execute(ONE)
    counts = counting.take()
    assert (counts.transactions, len(counts.statements), counts.round_trips) == (1, 1, 3)
    assert counting.is_quiet
