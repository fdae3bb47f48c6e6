"""The database of one service: its engine, set-based writes, and the tables that the plumbing keeps in each.

SQLAlchemy Core on asyncpg. A transaction is opened at the edge (`async with engine.begin() as tx`) and committed there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeAlias, cast

import asyncpg
from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    event,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.engine import Row
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import UserDefinedType

from antiphon.personal import personal

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row of any shape."""
Columns: TypeAlias = Mapping[str, Any]
"""The values of a row of any shape, by column."""

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; read and written as text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The column type in DDL."""
        return "xid8"


ischema_names["xid8"] = XID8  # pyright: ignore[reportArgumentType] - so that reflection, and the drift test, know it


class Plumbing(NamedTuple):
    """The tables that every service has beside its own."""

    consumer_progress: Table
    outbox: Table
    dead_letter: Table
    change_log: Table
    parked_event: Table


_SESSION = {
    "timezone": "UTC",
    # Events and interactions are 1 to 4 KB of JSON: lz4 packs them in a fifth of pglz's time.
    "default_toast_compression": "lz4",
    # A process that was frozen inside a transaction gives back what it locked.
    "idle_in_transaction_session_timeout": "30s",
}


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine for `url` (`postgresql+asyncpg://…`). A pooled connection that the server ended is not handed out."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        connect_args={"server_settings": _SESSION, "timeout": 10, "command_timeout": 60},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    # The driver knows of a connection's end without asking: the pool's own pre-ping costs three round trips each time.
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def metadata() -> MetaData:
    """An empty MetaData whose constraints have predictable names."""
    return MetaData(naming_convention=NAMING)


def plumbing_tables(of: MetaData) -> Plumbing:
    """Adds the tables of the plumbing to a service's metadata."""
    return Plumbing(
        Table(
            "consumer_progress",
            of,
            Column("topic", Text, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("next_offset", BigInteger, nullable=False),
            Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(none=["topic"]),
        ),
        Table(
            "outbox",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Text, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(
                by={"key": ["key", "value", "headers"]},
                none=["topic"],
            ),
        ),
        Table(
            "dead_letter",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("partition", Integer, nullable=False),
            Column("offset", BigInteger, nullable=False),
            Column("key", LargeBinary),
            Column("value", LargeBinary),
            Column("headers", JSONB, nullable=False),
            Column("event_id", Text),
            Column("reason", Text, nullable=False),
            Column("at", DateTime(timezone=True), nullable=False),
            Column("attempts", Integer, nullable=False, server_default="1"),
            Column("published_at", DateTime(timezone=True)),
            Column("replay_requested_at", DateTime(timezone=True)),
            Column("replayed_at", DateTime(timezone=True)),
            Index("dead_letter_origin_key", "topic", "partition", "offset", unique=True),
            Index("dead_letter_unpublished_ix", "id", postgresql_where=text("published_at is null")),
            Index("dead_letter_replay_ix", "id", postgresql_where=text("replay_requested_at is not null")),
            info=personal(
                by={"key": ["key", "value", "headers", "reason"]},
                none=["topic", "event_id"],
            ),
        ),
        Table(
            "change_log",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("xid", XID8, nullable=False, server_default=func.pg_current_xact_id()),
            Column("kind", Text, nullable=False),
            Column("subject", Text, nullable=False),
            Column("audience", ARRAY(Text), nullable=False),
            Column("data", JSONB, nullable=False),
            Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            Index("change_log_order_ix", "xid", "id"),
            Index("change_log_at_ix", "at"),
            info=personal(
                none=["xid", "kind"],
                staff=["subject", "audience", "data"],
            ),
        ),
        Table(
            "parked_event",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Text, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False),
            Column("reason", Text, nullable=False),
            Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(
                by={"key": ["key", "value", "headers"]},
                none=["topic", "reason"],
            ),
        ),
    )


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
    typed = ", ".join(f"{_quoted(column.name)} {column.type.compile(dialect=_DIALECT)}" for column in columns)
    return f"(select * from json_to_recordset(cast(:{parameter} as json)) as given({typed}))"


class Writes:
    """Writes of one transaction that are sent as one statement, since a round trip costs more than most of them.

    Their order among each other is not defined, and none of them sees what another wrote: a row is written by one of
    them at most, and what must come first is sent first.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[str, dict[str, Any]]] = []

    def add(self, statement: str, **given: Any) -> None:
        """A statement that writes; `:{name}` in it is bound to `given[name]`."""
        self._parts.append((statement, given))

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]], *, then: str = "") -> None:
        """Adds all rows, in their order; `then` is what follows, e.g. `on conflict do nothing`. See `insert_rows`."""
        if rows:
            self.add(_insert(table, tuple(rows[0]), then), rows=_rows(table, rows))

    def update(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Gives rows that are there new values, by their primary key. Every row has the columns of the first."""
        if rows:
            self.add(_update(table, tuple(rows[0])), rows=_rows(table, rows))

    async def send(self, tx: AsyncConnection, *, notify: str | None = None) -> None:
        """Sends what was added, if anything, and then notifies the channel `notify` when the transaction commits."""
        parts, self._parts = self._parts, []
        if parts:
            bound = {
                f"{name}{n}": value for n, (_, given) in enumerate(parts) for name, value in given.items()
            }
            await fetch(tx, _together(tuple((sql, tuple(given)) for sql, given in parts), notify), bound)


@cache
def _together(parts: tuple[tuple[str, tuple[str, ...]], ...], notify: str | None = None) -> TextClause:
    numbered = [sql.format(**{name: f"{name}{n}" for name in names}) for n, (sql, names) in enumerate(parts)]
    if len(numbered) == 1 and notify is None:
        return text(numbered[0])
    last = "select" if notify is None else f"select pg_notify('{notify}', '')"
    return text(f"with {', '.join(f'w{n} as ({sql})' for n, sql in enumerate(numbered))} {last}")


async def insert_rows(
    tx: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]], *, then: str = ""
) -> Sequence[AnyRow]:
    """Inserts all rows in one statement, in their order; `then` is what follows, e.g. `on conflict do nothing`.

    Returns what `returning` in `then` gives, else nothing. Every row has the columns of the first.
    """
    if not rows:
        return []
    statement = _together(((_insert(table, tuple(rows[0]), then), ("rows",)),))
    return await fetch(tx, statement, {"rows0": _rows(table, rows)})


async def update_rows(tx: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Gives rows that are there new values, by their primary key, in one statement. Every row has the columns of the first."""
    writes = Writes()
    writes.update(table, rows)
    await writes.send(tx)


@cache
def _insert(table: Table, columns: tuple[str, ...], then: str) -> str:
    names = ", ".join(_quoted(name) for name in columns)
    given = recordset([table.c[name] for name in columns], "{rows}")
    return f"insert into {_quoted(table.name)} ({names}) select {names} from {given} r {then}"


@cache
def _update(table: Table, columns: tuple[str, ...]) -> str:
    key = [column.name for column in table.primary_key]
    new = ", ".join(f"{_quoted(name)} = r.{_quoted(name)}" for name in columns if name not in key)
    given = recordset([table.c[name] for name in columns], "{rows}")
    same = " and ".join(f"t.{_quoted(name)} = r.{_quoted(name)}" for name in key)
    return f"update {_quoted(table.name)} t set {new} from {given} r where {same}"


def _rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
    if binary := {name for name in rows[0] if isinstance(table.c[name].type, LargeBinary)}:
        rows = [{name: _hex(row[name]) if name in binary else row[name] for name in row} for row in rows]
    return as_json(rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _hex(value: bytes | None) -> str | None:
    """Bytes in PostgreSQL's hexadecimal form."""
    return None if value is None else "\\x" + value.hex()


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the JSON array that `recordset` reads: values of ours, dates, ids and models, but no bytes."""
    return to_json(rows).decode()
