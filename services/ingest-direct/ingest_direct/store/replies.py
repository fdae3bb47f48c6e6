"""Replies that the people and systems who brought interactions hand over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from ingest_direct.domain.replies import Outcome, ReplyState
from ingest_direct.store.base import METADATA

REPLY = Table(
    "reply",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default=ReplyState.WAITING.value),
    Column("finished_at", DateTime(timezone=True)),
    Column("finished_by", Text),
    Column("outcome", JSONB),
    Index("reply_state_ix", "state", "requested_at", "reply_id"),
    Index("reply_interaction_id_ix", "interaction_id"),
    info=personal(
        by={"interaction_id": ["requested", "outcome"]},
        none=["channel", "state"],
        staff=["source", "finished_by"],
    ),
)

_REQUESTED = ("reply_id", "interaction_id", "channel", "requested", "requested_at")


async def add(tx: AsyncConnection, requests: Sequence[ReplyRequested]) -> set[UUID]:
    """Adds the replies to interactions of this service, with their source; returns the ids of new ones."""
    if not requests:
        return set()
    rows = [
        {
            "reply_id": request.reply_id,
            "interaction_id": request.answers,
            "channel": request.channel,
            "requested": json.loads(request.model_dump_json()),
            "requested_at": request.requested_at,
        }
        for request in requests
    ]
    added = await tx.execute(
        text(
            f"insert into reply (source, {', '.join(_REQUESTED)}) "
            f"select i.source, {', '.join(f'r.{name}' for name in _REQUESTED)} "
            f"from {recordset([REPLY.c[name] for name in _REQUESTED])} r join interaction i using (interaction_id) "
            "on conflict (reply_id) do nothing returning reply_id"
        ),
        {"rows": as_json(rows)},
    )
    return {row.reply_id for row in added}


async def get(connection: AsyncConnection, reply_id: UUID) -> AnyRow | None:
    """The reply with its source."""
    rows = await connection.execute(select(REPLY).where(REPLY.c.reply_id == reply_id))
    return rows.one_or_none()


async def of_interactions(
    connection: AsyncConnection, interaction_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[AnyRow]]:
    """The replies to interactions, the oldest first. Interactions without one are absent."""
    rows = await connection.execute(
        select(REPLY).where(REPLY.c.interaction_id.in_(interaction_ids)).order_by(REPLY.c.requested_at)
    )
    replies: dict[UUID, list[AnyRow]] = {}
    for row in rows:
        replies.setdefault(row.interaction_id, []).append(row)
    return replies


async def page(
    connection: AsyncConnection, limit: int, *, state: ReplyState, source: str | None, channel: str | None,
    after: tuple[datetime, UUID] | None,
) -> Sequence[AnyRow]:  # fmt: skip
    """Replies in this state, the oldest first, from after the one that was requested at `after` with that id."""
    c = REPLY.c
    query = select(REPLY).where(c.state == state).order_by(c.requested_at, c.reply_id)
    if source is not None:
        query = query.where(c.source == source)
    if channel is not None:
        query = query.where(c.channel == channel)
    if after is not None:
        query = query.where(tuple_(c.requested_at, c.reply_id) > after)
    return (await connection.execute(query.limit(limit))).all()


async def finish(
    tx: AsyncConnection, reply_id: UUID, state: ReplyState, outcome: Outcome, by: str, now: datetime
) -> AnyRow | None:
    """Gives a waiting reply its last state; None when it does not wait."""
    rows = await tx.execute(
        update(REPLY)
        .where(REPLY.c.reply_id == reply_id, REPLY.c.state == ReplyState.WAITING)
        .values(state=state, outcome=asdict(outcome), finished_by=by, finished_at=now)
        .returning(REPLY)
    )
    return rows.one_or_none()


async def counts(connection: AsyncConnection) -> Mapping[str, int]:
    """How many replies are in each state; a state without one is absent."""
    rows = await connection.execute(select(REPLY.c.state, func.count().label("n")).group_by(REPLY.c.state))
    return {row.state: row.n for row in rows}
