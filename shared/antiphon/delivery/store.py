"""Tables and queries of delivery: replies on their way, and every attempt to send them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery.attempts import Result, State, Verdict
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import insert_rows
from antiphon.text import clean, shorten

# The trigger on the table notifies this channel of new replies.
CHANNEL = "outgoing_reply"
LONGEST_DETAIL = 500


class DeliveryTables(NamedTuple):
    """The tables of a service that delivers replies."""

    outgoing_reply: Table
    reply_attempt: Table


def delivery_tables(of: MetaData) -> DeliveryTables:
    """Adds the tables to a service's metadata.

    `destination` is what one slow other side holds up: the domain of a mail, a network. An attempt without an end is under
    way, or was cut off.
    """
    return DeliveryTables(
        Table(
            "outgoing_reply",
            of,
            Column("reply_id", Uuid, primary_key=True),
            Column("request", JSONB, nullable=False),
            Column("destination", Text, nullable=False),
            Column("state", Text, nullable=False),
            Column("reason", Text),
            Column("attempts", Integer, nullable=False, server_default="0"),
            Column("requested_at", DateTime(timezone=True), nullable=False),
            Column("next_attempt_at", DateTime(timezone=True)),
            Column("native_ids", ARRAY(Text), nullable=False, server_default="{}"),
            Column("ended_at", DateTime(timezone=True)),
            Index("outgoing_reply_due_ix", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
            Index("outgoing_reply_state_ix", "state"),
            info=personal(
                by={"request.answers": ["request", "destination", "reason", "native_ids"]},
                none=["state"],
            ),
        ),
        Table(
            "reply_attempt",
            of,
            Column("reply_id", Uuid, ForeignKey("outgoing_reply.reply_id"), primary_key=True),
            Column("number", Integer, primary_key=True),
            Column("began_at", DateTime(timezone=True), nullable=False),
            Column("ended_at", DateTime(timezone=True)),
            Column("outcome", Text),
            Column("detail", Text),
            info=personal(
                by={"reply_id -> outgoing_reply.request.answers": ["detail"]},
                none=["outcome"],
            ),
        ),
    )


_REPLY, _ATTEMPT = delivery_tables(MetaData())

_BUSY = bindparam("busy", type_=ARRAY(TEXT))
# The attempt is noted before it is made. The statement sees the attempts as they were before it.
_CLAIM = text(
    """
    with due as (
        select reply_id from outgoing_reply
        where state = 'waiting' and next_attempt_at <= clock_timestamp() and destination <> all(:busy)
        order by next_attempt_at limit 1 for update skip locked
    ),
    claimed as (
        update outgoing_reply r set attempts = r.attempts + 1, next_attempt_at = clock_timestamp() + :lease
        from due where r.reply_id = due.reply_id returning r.*
    ),
    noted as (
        insert into reply_attempt (reply_id, number, began_at)
        select reply_id, attempts, clock_timestamp() from claimed
    )
    select c.reply_id, c.request, c.destination, c.attempts, c.requested_at, exists (
        select from reply_attempt a
        where a.reply_id = c.reply_id and a.number = c.attempts - 1 and a.ended_at is null
    ) as was_cut_off
    from claimed c
    """
).bindparams(_BUSY)
_NEXT_DUE = text(
    "select min(next_attempt_at) - clock_timestamp() from outgoing_reply "
    "where state = 'waiting' and destination <> all(:busy)"
).bindparams(_BUSY)
_END = text(
    """
    with ended as (
        update reply_attempt set ended_at = :now, outcome = :outcome, detail = :detail
        where reply_id = :reply_id and number = :attempts
    )
    update outgoing_reply set state = :state, reason = :reason, next_attempt_at = :next_attempt_at,
        native_ids = :native_ids, ended_at = :ended_at
    where reply_id = :reply_id and state = 'waiting' and attempts = :attempts returning reply_id
    """
).bindparams(
    bindparam("native_ids", type_=ARRAY(TEXT)),
    bindparam("next_attempt_at", type_=DateTime(timezone=True)),
    bindparam("ended_at", type_=DateTime(timezone=True)),
)
_RETURNED = text(
    "update outgoing_reply set state = 'failed', reason = :reason, ended_at = :now "
    "where reply_id = :reply_id and state = 'sent' returning request, attempts"
)


@dataclass(frozen=True)
class Asked:
    """A reply that is asked for; `refused` says why it can't be sent, where no attempt is to be made."""

    request: ReplyRequested
    destination: str
    refused: str | None = None


@dataclass(frozen=True)
class Sending:
    """A reply of which attempt number `attempt` is being made; `was_cut_off` says that nobody knows how the one before ended."""

    reply_id: UUID
    request: ReplyRequested
    destination: str
    attempt: int
    requested_at: datetime
    was_cut_off: bool


class Returned(NamedTuple):
    """A reply that was sent and came back."""

    request: ReplyRequested
    attempts: int


class Found(NamedTuple):
    """A reply, with its attempts in order."""

    reply: AnyRow
    attempts: Sequence[AnyRow]


def detail(words: str) -> str:
    """What the other side answered, safe to keep and show."""
    return shorten(clean(words), LONGEST_DETAIL)


async def add(tx: AsyncConnection, asked: Sequence[Asked], now: datetime) -> set[UUID]:
    """Adds replies, each once; returns the ids of those that are new."""
    rows = [
        {
            "reply_id": one.request.reply_id,
            "request": one.request,
            "destination": one.destination,
            "state": State.WAITING if one.refused is None else State.FAILED,
            "reason": one.refused,
            "requested_at": one.request.requested_at,
            "next_attempt_at": now if one.refused is None else None,
            "ended_at": None if one.refused is None else now,
        }
        for one in asked
    ]
    added = await insert_rows(tx, _REPLY, rows, then="on conflict do nothing returning reply_id")
    return {row.reply_id for row in added}


async def claim(tx: AsyncConnection, lease: timedelta, busy: Sequence[str]) -> Sending | None:
    """The reply that is due longest and not to a `busy` destination, with this attempt noted.

    Nobody else gets it before its attempt is ended, or the lease is over.
    """
    row = (await tx.execute(_CLAIM, {"lease": lease, "busy": list(busy)})).one_or_none()
    if row is None:
        return None
    request = ReplyRequested.model_validate(row.request)
    return Sending(
        row.reply_id, request, row.destination, row.attempts, row.requested_at, was_cut_off=row.was_cut_off
    )


async def next_due(connection: AsyncConnection, busy: Sequence[str]) -> timedelta | None:
    """How long until a reply that is not to a `busy` destination is due; negative when one is, None when none waits."""
    due: timedelta | None = await connection.scalar(_NEXT_DUE, {"busy": list(busy)})
    return due


async def end_attempt(
    tx: AsyncConnection, one: Sending, result: Result, verdict: Verdict, now: datetime
) -> bool:
    """Records how an attempt ended and the state of the reply; False when a later attempt has the reply already."""
    words = None if result.detail is None else detail(result.detail)
    is_sent = verdict.state is State.SENT
    given = {
        "reply_id": one.reply_id,
        "attempts": one.attempt,
        "now": now,
        "outcome": result.ended,
        "detail": words,
        "state": verdict.state,
        "reason": None if is_sent else words,
        "next_attempt_at": verdict.next_attempt_at,
        "native_ids": list(result.native_ids) if is_sent else [],
        "ended_at": None if verdict.state is State.WAITING else now,
    }
    return (await tx.execute(_END, given)).first() is not None


async def mark_returned(tx: AsyncConnection, reply_id: UUID, reason: str, now: datetime) -> Returned | None:
    """Marks a reply that was sent as failed; None when it is not one that was sent."""
    given = {"reply_id": reply_id, "reason": reason, "now": now}
    row = (await tx.execute(_RETURNED, given)).one_or_none()
    return None if row is None else Returned(ReplyRequested.model_validate(row.request), row.attempts)


async def find(connection: AsyncConnection, reply_id: UUID) -> Found | None:
    """A reply and its attempts."""
    row = (await connection.execute(select(_REPLY).where(_REPLY.c.reply_id == reply_id))).one_or_none()
    if row is None:
        return None
    attempts = select(_ATTEMPT).where(_ATTEMPT.c.reply_id == reply_id).order_by(_ATTEMPT.c.number)
    return Found(row, (await connection.execute(attempts)).all())


async def counts(connection: AsyncConnection) -> dict[State, int]:
    """How many replies are in each state."""
    query = select(_REPLY.c.state, func.count().label("n")).group_by(_REPLY.c.state)
    found = {row.state: row.n for row in await connection.execute(query)}
    return {state: found.get(state, 0) for state in State}
