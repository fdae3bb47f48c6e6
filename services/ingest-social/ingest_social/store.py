"""Tables and set-based queries of ingest-social."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    bindparam,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow, as_json, insert_rows, metadata, plumbing_tables, recordset
from antiphon.personal import SEARCH, personal
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
    Column("position", Text),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Index("post_author_ix", "author"),
    Index("post_accepted_at_ix", text("accepted_at desc"), text("interaction_id desc")),
    info=personal(
        by={"interaction_id": ["native_id", "revision", "author", "text", "record", "earlier"]},
        none=["network", "position"],
    ),
)

CURSOR = Table(
    "stream_cursor",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("happened_at", DateTime(timezone=True)),
    info=personal(none=["network"]),
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
    info=personal(
        by={SEARCH: ["raw", "reason"]},
        none=["network"],
    ),
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
    info=personal(
        by={"interaction_id": ["requested", "last_error", "native_ids"]},
        none=["network", "state"],
    ),
)

# Before and after: an attempt without an end was cut off.
ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("reply_id", Uuid, ForeignKey("sending.reply_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("told", Text),
    info=personal(
        by={"reply_id -> sending.interaction_id": ["told"]},
        none=["outcome"],
    ),
)

# `data` is fetched after the post was taken; until then, and when it can't be had, there is none.
ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, ForeignKey("post.interaction_id"), nullable=False),
    Column("native_id", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("description", Text),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("data", LargeBinary),
    Index("attachment_interaction_id_ix", "interaction_id"),
    Index("attachment_due_ix", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
    info=personal(
        by={"interaction_id": ["native_id", "filename", "sha256", "description", "reason", "data"]},
        none=["media_type", "state"],
    ),
)

_NATIVE = bindparam("native_ids", type_=ARRAY(TEXT))
_AUTHORS = bindparam("authors", type_=ARRAY(TEXT))


async def known(tx: AsyncConnection, native_ids: Sequence[str], authors: Sequence[str] = ()) -> list[AnyRow]:
    """Posts that we have, by their id or author, locked in id order."""
    query = text(
        "select interaction_id, native_id, revision, position, author, deleted_at from post "
        "where native_id = any(:native_ids) or author = any(:authors) order by interaction_id for update"
    ).bindparams(_NATIVE, _AUTHORS)
    return list((await tx.execute(query, {"native_ids": list(native_ids), "authors": list(authors)})).all())


async def add_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Adds posts; returns the ids of those that are new."""
    added = await insert_rows(tx, POST, rows, then="on conflict do nothing returning interaction_id")
    return {row.interaction_id for row in added}


async def add_attachments(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds files that are to be fetched."""
    await insert_rows(tx, ATTACHMENT, rows, then="on conflict do nothing")
    if rows:
        await tx.execute(text("select pg_notify('attachment', '')"))


async def edit_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New words of posts; the former are kept, and those that came `between` too."""
    if rows:
        columns = [POST.c[name] for name in rows[0] if name != "between"] + [Column("between", JSONB)]
        await tx.execute(
            text(
                "update post p set earlier = p.earlier || jsonb_build_array(jsonb_build_object("
                "'revision', p.revision, 'record', p.record)) || r.between, revision = r.revision, "
                "position = coalesce(r.position, p.position), text = r.text, record = r.record, "
                "edited_at = r.edited_at, deleted_at = null "
                f"from {recordset(columns)} r where p.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(rows)},
        )


async def delete_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Marks posts (interaction_id, position, deleted_at) as taken back."""
    if rows:
        await tx.execute(
            text(
                "update post p set deleted_at = r.deleted_at, position = coalesce(r.position, p.position) "
                f"from {recordset([POST.c[name] for name in rows[0]])} r where p.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(rows)},
        )


async def cursor(tx: AsyncConnection, network: str) -> AnyRow | None:
    """Where the stream of a network is to go on: position, at, happened_at."""
    query = text("select position, at, happened_at from stream_cursor where network = :n")
    return (await tx.execute(query, {"n": network})).one_or_none()


async def move_cursor(
    tx: AsyncConnection, network: str, expected: int | None, reached: int, *, now: datetime, happened_at: datetime | None
) -> bool:  # fmt: skip
    """Moves the cursor by compare-and-set, in the transaction of what came; False when somebody else moved it."""
    given = {"n": network, "reached": reached, "now": now, "happened_at": happened_at}
    if expected is None:
        moved = await tx.execute(
            text(
                "insert into stream_cursor (network, position, at, happened_at) "
                "values (:n, :reached, :now, :happened_at) on conflict do nothing"
            ),
            given,
        )
    else:
        moved = await tx.execute(
            text(
                "update stream_cursor set position = :reached, at = :now, "
                "happened_at = coalesce(cast(:happened_at as timestamptz), happened_at) "
                "where network = :n and position = :expected"
            ),
            given | {"expected": expected},
        )
    return moved.rowcount == 1


async def posts_of(tx: AsyncConnection, interactions: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """On which network, and by whom, posts that we have were said."""
    query = text("select interaction_id, network, author from post where interaction_id = any(:ids)")
    rows = await tx.execute(
        query.bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))), {"ids": list(interactions)}
    )
    return {row.interaction_id: row for row in rows}


async def add_sendings(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Adds answers, each once; returns the ids of those that are new."""
    added = await insert_rows(tx, SENDING, rows, then="on conflict do nothing returning reply_id")
    if added:
        await tx.execute(text("select pg_notify('sending', '')"))
    return {row.reply_id for row in added}


async def claim(tx: AsyncConnection, network: str, now: datetime, leased_until: datetime) -> AnyRow | None:
    """The answer that is due longest, with the post that it answers and this attempt noted; nobody else gets it until then."""
    taken = await tx.execute(
        text(
            "update sending s set attempts = s.attempts + 1, next_attempt_at = :leased_until "
            "from post p where p.interaction_id = s.interaction_id and s.reply_id = ("
            "  select reply_id from sending where state = 'waiting' and network = :n and next_attempt_at <= :now "
            "  order by next_attempt_at limit 1 for update skip locked) "
            "returning s.reply_id, s.requested, s.requested_at, s.attempts, p.native_id, p.record"
        ),
        {"n": network, "now": now, "leased_until": leased_until},
    )
    row = taken.one_or_none()
    if row is not None:
        await tx.execute(insert(ATTEMPT).values(reply_id=row.reply_id, number=row.attempts, began_at=now))
    return row


async def end_attempt(
    tx: AsyncConnection, reply_id: UUID, number: int, *, outcome: str, told: str | None, now: datetime
) -> None:
    """Notes how an attempt ended."""
    mine = (ATTEMPT.c.reply_id == reply_id, ATTEMPT.c.number == number)
    await tx.execute(ATTEMPT.update().where(*mine).values(ended_at=now, outcome=outcome, told=told))


async def settle(tx: AsyncConnection, reply_id: UUID, values: Mapping[str, Any]) -> bool:
    """Records where an answer stands; False when it was finished already."""
    done = await tx.execute(
        SENDING.update().where(SENDING.c.reply_id == reply_id, SENDING.c.state == "waiting").values(**values)
    )
    return done.rowcount == 1


async def claim_attachment(
    tx: AsyncConnection, network: str, now: datetime, leased_until: datetime
) -> AnyRow | None:
    """The file to fetch next; nobody else gets it until then."""
    taken = await tx.execute(
        text(
            "update attachment a set attempts = a.attempts + 1, next_attempt_at = :leased_until "
            "from post p where p.interaction_id = a.interaction_id and a.attachment_id = ("
            "  select attachment_id from attachment join post using (interaction_id) "
            "  where state = 'waiting' and network = :n and next_attempt_at <= :now "
            "  order by next_attempt_at limit 1 for update of attachment skip locked) "
            "returning a.attachment_id, a.native_id, a.sha256, a.attempts, p.author, p.accepted_at"
        ),
        {"n": network, "now": now, "leased_until": leased_until},
    )
    return taken.one_or_none()


async def settle_attachment(tx: AsyncConnection, attachment_id: UUID, values: Mapping[str, Any]) -> None:
    """Records what became of a file."""
    mine = (ATTACHMENT.c.attachment_id == attachment_id, ATTACHMENT.c.state == "waiting")
    await tx.execute(ATTACHMENT.update().where(*mine).values(**values))
