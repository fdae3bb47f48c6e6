"""Replies, of agents and automatic ones, and what became of them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from antiphon.postgres.writes import Writes, insert_rows
from case_mgmt.domain.replies import Reply, ReplyOutcome, ReplyState
from case_mgmt.store.base import METADATA

REPLY = Table(
    "reply",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("answers", Uuid, nullable=False),
    Column("author_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("awaited_since", DateTime(timezone=True)),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("native_ids", ARRAY(Text), nullable=False, server_default="{}"),
    Column("reason", Text),
    Index("reply_case_id_ix", "case_id", "requested_at"),
    Index("reply_author_id_idempotency_key_key", "author_id", "idempotency_key", unique=True),
    Index("reply_state_ix", "state"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["requested", "native_ids", "reason"]},
        none=["idempotency_key", "state"],
        staff=["author_id"],
    ),
)

_BY_ID = text("select * from reply where reply_id = any(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
)


async def add(tx: AsyncConnection, reply: Reply) -> bool:
    """Adds a reply. False, and nothing is added, if its author has used its idempotency key before."""
    added = await insert_rows(tx, REPLY, [vars(reply)], then="on conflict do nothing returning reply_id")
    return bool(added)


def add_automatic(writes: Writes, replies: Sequence[Reply]) -> None:
    """Adds replies that are acknowledgements."""
    writes.insert(REPLY, [vars(reply) for reply in replies])


def finish(writes: Writes, outcomes: Sequence[ReplyOutcome]) -> None:
    """Writes what became of replies."""
    writes.update(REPLY, [vars(outcome) for outcome in outcomes])


async def by_id(tx: AsyncConnection, reply_ids: Sequence[UUID]) -> dict[UUID, Reply]:
    """Replies by id."""
    if not reply_ids:
        return {}
    return {row.reply_id: _reply_of(row) for row in await fetch(tx, _BY_ID, {"ids": list(reply_ids)})}


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[Reply]:
    """The replies on a case, oldest first."""
    query = select(REPLY).where(REPLY.c.case_id == case_id).order_by(REPLY.c.requested_at)
    return [_reply_of(row) for row in await connection.execute(query)]


def _reply_of(row: AnyRow) -> Reply:
    return Reply(
        reply_id=row.reply_id,
        case_id=row.case_id,
        answers=row.answers,
        author_id=row.author_id,
        idempotency_key=row.idempotency_key,
        requested=ReplyRequested.model_validate(row.requested),
        state=ReplyState(row.state),
        awaited_since=row.awaited_since,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        native_ids=row.native_ids,
        reason=row.reason,
    )
