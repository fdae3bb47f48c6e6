"""Timers: rows that are due by the database's clock. The transaction that fires a timer deletes its row."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import Writes
from routing.domain.timer import TimerKind
from routing.store.base import METADATA

TIMER = Table(
    "timer",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("subject", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Index("timer_due_at_ix", "due_at"),
    info=personal(none=["kind"]),
)


# The subject of timers that have none.
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


_LOCK = text("select 1 from timer where kind = :kind and subject = :subject for update")


async def lock(tx: AsyncConnection, kind: TimerKind, subject: UUID) -> bool:
    """Locks a timer, so that it does not fire before this transaction ends. Returns whether it is set.

    A transaction that changes a timer which may fire now locks it before anything else, as firing does.
    """
    return await tx.scalar(_LOCK, {"kind": kind, "subject": subject}) is not None


async def review_at(tx: AsyncConnection, due: datetime) -> None:
    """Sets the timer of the review of waiting work; an earlier time that is set stays."""
    await tx.execute(_REVIEW, {"kind": TimerKind.REVIEW, "due": due})


def set_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID, datetime]]) -> None:
    """Sets timers (kind, subject, due); a timer that is set already gets the new time."""
    rows = [{"kind": kind.value, "subject": subject, "due_at": due} for kind, subject, due in timers]
    writes.insert(TIMER, rows, then="on conflict (kind, subject) do update set due_at = excluded.due_at")


def drop_timers(writes: Writes, timers: Sequence[tuple[TimerKind, UUID]]) -> None:
    """Deletes timers."""
    if timers:
        deleted = recordset([TIMER.c.kind, TIMER.c.subject], "{rows}")
        # A timer that another transaction fires now is skipped, because waiting could be a deadlock; it finds nothing to do.
        writes.add(
            f"delete from timer t using (select kind, subject from timer join {deleted} r using (kind, subject) "
            "for update of timer skip locked) r where t.kind = r.kind and t.subject = r.subject",
            rows=as_json([{"kind": kind.value, "subject": subject} for kind, subject in timers]),
        )


async def take_due(tx: AsyncConnection, limit: int) -> Sequence[AnyRow]:
    """Deletes and returns due timers, all of the kind that is due longest; if the transaction fails, they are due again.

    Each kind takes its locks in its own order, so several kinds in one transaction could deadlock.
    """
    due = await tx.execute(_TAKE_DUE, {"limit": limit})
    return due.all()


async def next_due(connection: AsyncConnection) -> float | None:
    """Returns the seconds until the next timer is due, by the database's clock; None without timers."""
    seconds = await connection.scalar(
        text("select extract(epoch from min(due_at) - clock_timestamp()) from timer")
    )
    return None if seconds is None else float(seconds)
