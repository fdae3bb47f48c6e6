"""Tables and set-based queries of ingest-social."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow, as_json, insert_rows, metadata, plumbing_tables, recordset
from antiphon.tally import delivery_table

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)

POST = Table(
    "post",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("network", Text, nullable=False),
    Column("native_id", Text, nullable=False, unique=True),
    Column("revision", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Index("post_author_ix", "author"),
    Index("post_accepted_at_ix", text("accepted_at desc"), text("interaction_id desc")),
)

CURSOR = Table(
    "stream_cursor",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

# What the stream brought and nobody could read: whole, for a person.
SET_ASIDE = Table(
    "set_aside",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("network", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

SENDING = Table(
    "sending",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("network", Text, nullable=False),
    Column("interaction_id", Uuid, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("last_error", Text),
    Column("native_ids", ARRAY(Text), nullable=False, server_default="{}"),
    Column("finished_at", DateTime(timezone=True)),
    Index("sending_due_ix", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
    Index("sending_state_ix", "state"),
)

_NATIVE = bindparam("native_ids", type_=ARRAY(TEXT))
_AUTHORS = bindparam("authors", type_=ARRAY(TEXT))


async def known(tx: AsyncConnection, native_ids: Sequence[str], authors: Sequence[str] = ()) -> list[AnyRow]:
    """Posts that we have, by their id or author, locked in id order."""
    query = text(
        "select interaction_id, network, native_id, revision, author, deleted_at from post "
        "where native_id = any(:native_ids) or author = any(:authors) order by interaction_id for update"
    ).bindparams(_NATIVE, _AUTHORS)
    return list((await tx.execute(query, {"native_ids": list(native_ids), "authors": list(authors)})).all())


async def add_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Adds posts; returns the ids of those that are new."""
    added = await insert_rows(tx, POST, rows, then="on conflict do nothing returning interaction_id")
    return {row.interaction_id for row in added}


async def edit_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New words of posts (interaction_id, revision, text, record, edited_at); the former are kept."""
    if rows:
        await tx.execute(
            text(
                "update post p set earlier = p.earlier || jsonb_build_array(jsonb_build_object('revision', p.revision, "
                "'record', p.record)), revision = r.revision, text = r.text, record = r.record, edited_at = r.edited_at "
                f"from {recordset([POST.c[name] for name in rows[0]])} r where p.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(rows)},
        )


async def delete_posts(tx: AsyncConnection, ids: Sequence[UUID], at: datetime) -> None:
    """Marks posts as taken back."""
    await tx.execute(
        text(
            "update post set deleted_at = :at where interaction_id = any(:ids) and deleted_at is null"
        ).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))),
        {"ids": list(ids), "at": at},
    )


async def cursor(tx: AsyncConnection, network: str) -> AnyRow | None:
    """Where the stream of a network is to go on: position, at."""
    return (
        await tx.execute(text("select position, at from stream_cursor where network = :n"), {"n": network})
    ).one_or_none()


async def move_cursor(
    tx: AsyncConnection, network: str, expected: int | None, reached: int, now: datetime
) -> bool:
    """Moves the cursor by compare-and-set, in the transaction of what came; False when somebody else moved it."""
    given = {"n": network, "expected": expected, "reached": reached, "now": now}
    if expected is None:
        moved = await tx.execute(
            text(
                "insert into stream_cursor (network, position, at) values (:n, :reached, :now) on conflict do nothing"
            ),
            {name: given[name] for name in ("n", "reached", "now")},
        )
    else:
        moved = await tx.execute(
            text(
                "update stream_cursor set position = :reached, at = :now where network = :n and position = :expected"
            ),
            given,
        )
    return moved.rowcount == 1


async def add_sendings(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Answers to send, each once; only those to posts of ours."""
    if rows:
        names = ", ".join(rows[0])
        await tx.execute(
            text(
                f"insert into sending ({names}) select {', '.join(f'r.{name}' for name in rows[0])} "
                f"from {recordset([SENDING.c[name] for name in rows[0]])} r join post p using (interaction_id) "
                "on conflict do nothing"
            ),
            {"rows": as_json(rows)},
        )
        await tx.execute(text("select pg_notify('sending', '')"))


async def take_due(tx: AsyncConnection, network: str, lease: timedelta) -> AnyRow | None:
    """The answer to send next, with the post that it answers; the attempt is recorded, and kept by others for a while."""
    taken = await tx.execute(
        text(
            "update sending s set attempts = s.attempts + 1, next_attempt_at = now() + cast(:lease as interval) "
            "from post p where p.interaction_id = s.interaction_id and s.reply_id = ("
            "  select reply_id from sending where state = 'waiting' and network = :n and next_attempt_at <= now() "
            "  order by next_attempt_at limit 1 for update skip locked) "
            "returning s.reply_id, s.requested, s.requested_at, s.attempts, p.native_id, p.revision, p.record, p.deleted_at"
        ),
        {"n": network, "lease": lease},
    )
    return taken.one_or_none()


async def finish_sending(tx: AsyncConnection, reply_id: UUID, values: Mapping[str, Any]) -> bool:
    """Records what became of an attempt; False when the answer was finished already."""
    done = await tx.execute(
        SENDING.update().where(SENDING.c.reply_id == reply_id, SENDING.c.state == "waiting").values(**values)
    )
    return done.rowcount == 1
