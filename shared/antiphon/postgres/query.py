"""Statements and their rows: what runs per event goes to the driver, past SQLAlchemy's execution."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, cast

import asyncpg
from pydantic_core import to_json
from sqlalchemy import Column, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of any shape."""
Columns: TypeAlias = Mapping[str, Any]
"""The values of a row of any shape, by column."""

_DIALECT = postgresql.dialect()
_DRIVER = asyncpg_dialect()


class DriverRow(asyncpg.Record):
    """A row as the driver gives it, read like SQLAlchemy's: by attribute or `_mapping`."""

    def __getattr__(self, name: str) -> Any:
        """The value of a column."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return dict(self.items())


async def fetch(tx: AsyncConnection, statement: TextClause, given: Mapping[str, Any]) -> Sequence[AnyRow]:
    """Runs a statement in the transaction and returns its rows; for statements that run per event.

    It goes past SQLAlchemy's execution, which costs twice the driver's own, once the transaction has begun; text and
    values are those that SQLAlchemy would give. What it raises is the driver's.
    """
    driver = driver_of(tx)
    if not driver.is_in_transaction():
        result = await tx.execute(statement, given)
        return result.all() if result.returns_rows else []
    return await fetch_by(driver, statement, given)


async def fetch_by(
    driver: asyncpg.Connection, statement: TextClause, given: Mapping[str, Any]
) -> Sequence[AnyRow]:
    """`fetch` on the driver's connection, in whatever transaction it is."""
    sql, names = _compiled(statement)
    rows = await driver.fetch(sql, *(given[name] for name in names), record_class=DriverRow)
    return cast("Sequence[AnyRow]", rows)


async def now(tx: AsyncConnection) -> datetime:
    """The database's time: what waits in it is due by that, since processes disagree and their clocks jump."""
    at: datetime = (await fetch(tx, _NOW, {}))[0].at
    return at


_NOW = text("select clock_timestamp() as at")


def mapping(row: AnyRow) -> Columns:
    """The values of a row by column."""
    return row._mapping  # pyright: ignore[reportPrivateUsage, reportReturnType]  # noqa: SLF001 - SQLAlchemy's public name


def driver_of(tx: AsyncConnection) -> asyncpg.Connection:
    """The driver's connection under an open one."""
    connection: Any = tx.sync_connection
    return connection.connection.driver_connection


@cache
def _compiled(statement: TextClause) -> tuple[str, Sequence[str]]:
    compiled: Any = statement.compile(dialect=_DRIVER)
    return compiled.string, tuple(compiled.positiontup or ())


def recordset(columns: Sequence[Column[Any]], parameter: str = "rows") -> str:
    """SQL that reads the JSON array bound to `parameter` as rows of `columns`, to stand in a FROM with an alias.

    Bind the parameter with `as_json(rows)`: one parameter, however many rows.
    """
    return _recordset(tuple(columns), parameter)


@cache
def _recordset(columns: tuple[Column[Any], ...], parameter: str) -> str:
    typed = ", ".join(f"{quoted(column.name)} {column.type.compile(dialect=_DIALECT)}" for column in columns)
    return f"(select * from json_to_recordset(cast(:{parameter} as json)) as given({typed}))"


def quoted(name: str) -> str:
    """A name of a table or column as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the JSON array that `recordset` reads: values of ours, dates, ids and models, but no bytes."""
    return to_json(rows).decode()
