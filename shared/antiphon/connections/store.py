"""What processes report of each connection: one row each, which every replica shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, DateTime, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.connections.states import Reason, State
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import as_json

CHANNEL = "connection_retry"


class Report(NamedTuple):
    """What a process reports of a connection. `last_error` is what happened when it failed the last time."""

    name: str
    state: State
    reason: Reason | None
    last_success_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None
    reported_at: datetime


def connection_table(of: MetaData) -> Table:
    """Adds the table to a service's metadata."""
    return Table(
        "connection",
        of,
        Column("name", Text, primary_key=True),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("last_success_at", DateTime(timezone=True)),
        Column("last_error_at", DateTime(timezone=True)),
        Column("last_error", Text),
        Column("reported_at", DateTime(timezone=True), nullable=False),
        info=personal(none=["name", "state", "reason", "last_error"]),
    )


_WRITE = text(
    "insert into connection select * from json_to_recordset(cast(:rows as json)) as given(name text, state text, reason text, "
    "last_success_at timestamptz, last_error_at timestamptz, last_error text, reported_at timestamptz) "
    "on conflict (name) do update set state = excluded.state, reason = excluded.reason, "
    "last_success_at = coalesce(excluded.last_success_at, connection.last_success_at), "
    "last_error_at = coalesce(excluded.last_error_at, connection.last_error_at), "
    "last_error = coalesce(excluded.last_error, connection.last_error), reported_at = excluded.reported_at"
)


async def write(tx: AsyncConnection, reports: Sequence[Report]) -> None:
    """Writes these rows. What a process does not have, since it is new, stays as it was."""
    await tx.execute(_WRITE, {"rows": as_json([row._asdict() for row in reports])})


async def read(connection: AsyncConnection) -> dict[str, Report]:
    """All rows, by name."""
    query = text(f"select {', '.join(Report._fields)} from connection")
    rows: list[Any] = list(await connection.execute(query))
    return {row.name: _report(row) for row in rows}


def _report(row: Any) -> Report:
    reason = None if row.reason is None else Reason(row.reason)
    return Report(*row)._replace(state=State(row.state), reason=reason)


async def notify(tx: AsyncConnection, name: str) -> None:
    """Wakes the connection of this name in every replica, if it waits before it tries again, at the commit."""
    await tx.execute(text(f"select pg_notify('{CHANNEL}', :name)"), {"name": name})
