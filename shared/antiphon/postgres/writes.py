"""Set-based writes: all rows of a table in one statement, and the writes of a transaction in one round trip."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import LargeBinary, Table, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow, as_json, fetch, quoted, recordset


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
    names = ", ".join(quoted(name) for name in columns)
    given = recordset([table.c[name] for name in columns], "{rows}")
    return f"insert into {quoted(table.name)} ({names}) select {names} from {given} r {then}"


@cache
def _update(table: Table, columns: tuple[str, ...]) -> str:
    key = [column.name for column in table.primary_key]
    new = ", ".join(f"{quoted(name)} = r.{quoted(name)}" for name in columns if name not in key)
    given = recordset([table.c[name] for name in columns], "{rows}")
    same = " and ".join(f"t.{quoted(name)} = r.{quoted(name)}" for name in key)
    return f"update {quoted(table.name)} t set {new} from {given} r where {same}"


def _rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
    if binary := {name for name in rows[0] if isinstance(table.c[name].type, LargeBinary)}:
        rows = [{name: _hex(row[name]) if name in binary else row[name] for name in row} for row in rows]
    return as_json(rows)


def _hex(value: bytes | None) -> str | None:
    """Bytes in PostgreSQL's hexadecimal form."""
    return None if value is None else "\\x" + value.hex()
