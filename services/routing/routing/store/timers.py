"""Timers: rows, due by the database's clock; a fired one is gone in the transaction of its effect."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import Writes
from routing.domain.timer import TimerKind
from routing.store.base import METADATA

# Timers are rows, due by the database's clock; a fired one is gone in the transaction of its effect.
TIMER = Table(
    "timer",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("subject", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Index("timer_due_at_ix", "due_at"),
    info=personal(none=["kind"]),
)


# Of timers that are about no one thing.
NO_SUBJECT = UUID(int=0)


_REVIEW = text(
    f"insert into timer (kind, subject, due_at) values (:kind, '{NO_SUBJECT}', :due) "
    "on conflict (kind, subject) do update set due_at = least(timer.due_at, excluded.due_at)"
)


_TAKE_DUE = text(
    """
    with oldest as materialized (
        select kind from timer where due_at <= now() order by due_at limit 1 for update skip locked
    ), due as (
        select kind, subject from timer where due_at <= now() and kind = (select kind from oldest)
        order by due_at limit :limit for update skip locked
    )
    delete from timer t using due d where t.kind = d.kind and t.subject = d.subject
    returning t.kind, t.subject, t.due_at
    """
)


async def review_at(tx: AsyncConnection, due: datetime) -> None:
    """Where work waits is looked through then, if not before."""
    await tx.execute(_REVIEW, {"kind": TimerKind.REVIEW, "due": due})


def set_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID, datetime]]) -> None:
    """Sets timers (kind, subject, due); one that is set already gets the new time."""
    rows = [{"kind": kind.value, "subject": subject, "due_at": due} for kind, subject, due in timers]
    writes.insert(TIMER, rows, then="on conflict (kind, subject) do update set due_at = excluded.due_at")


def drop_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID]]) -> None:
    """Forgets timers."""
    if timers:
        given = recordset([TIMER.c.kind, TIMER.c.subject], "{rows}")
        # One that fires this moment finds nothing left to do: to wait for it could be to wait for each other.
        writes.add(
            f"delete from timer t using (select kind, subject from timer join {given} r using (kind, subject) "
            "for update of timer skip locked) r where t.kind = r.kind and t.subject = r.subject",
            rows=as_json([{"kind": kind.value, "subject": subject} for kind, subject in timers]),
        )


async def take_due(tx: AsyncConnection, limit: int) -> Sequence[AnyRow]:
    """Due timers, taken: they fire in this transaction or, if it fails, again. All are of the kind that is due longest.

    What fires takes locks, each kind in an order of its own: several kinds in one transaction would have none.
    """
    due = await tx.execute(_TAKE_DUE, {"limit": limit})
    return due.all()


async def next_due(connection: AsyncConnection) -> float | None:
    """Seconds until the next timer is due, by the database's clock."""
    found = await connection.scalar(
        text("select extract(epoch from min(due_at) - clock_timestamp()) from timer")
    )
    return None if found is None else float(found)
