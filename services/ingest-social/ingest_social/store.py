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
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.delivery.store import delivery_tables
from antiphon.entry_counts import delivery_table
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import SEARCH, personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import insert_rows

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)
OUTGOING = delivery_tables(METADATA)

POST = Table(
    "post",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("network", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("position", Text),
    Column("author", Text, nullable=False),
    Column("speaker_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("conversation", Text),
    Column("rating", Integer),
    Column("text", Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Index("post_native_id_key", "network", "account", "native_id", unique=True),
    Index("post_author_ix", "author"),
    Index("post_accepted_at_ix", text("accepted_at desc"), text("interaction_id desc")),
    info=personal(
        by={
            "interaction_id": [
                "native_id",
                "revision",
                "author",
                "speaker_key",
                "conversation",
                "text",
                "record",
                "earlier",
            ]
        },
        none=["network", "account", "position", "kind", "visibility"],
    ),
)

CURSOR = Table(
    "stream_cursor",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("happened_at", DateTime(timezone=True)),
    info=personal(none=["network", "account", "position"]),
)

# What the stream brought and nobody could read: whole, for a person.
SET_ASIDE = Table(
    "set_aside",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("network", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    info=personal(
        by={SEARCH: ["raw", "reason"]},
        none=["network", "account"],
    ),
)

# `data` is fetched after the post was taken; until then, and when it can't be had, there is none. `sha256` is what the
# network said of it before, or else what was fetched.
ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, ForeignKey("post.interaction_id"), nullable=False),
    Column("native_id", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text),
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


async def known(
    tx: AsyncConnection, network: str, account: str, native_ids: Sequence[str], authors: Sequence[str]
) -> list[AnyRow]:
    """Posts that an account of ours has taken, by their id or author, locked in id order."""
    query = text(
        "select interaction_id, native_id, revision, position, author, speaker_key, deleted_at from post "
        "where network = :network and account = :account "
        "and (native_id = any(:native_ids) or author = any(:authors)) order by interaction_id for update"
    ).bindparams(_NATIVE, _AUTHORS)
    given = {
        "network": network,
        "account": account,
        "native_ids": list(native_ids),
        "authors": list(authors),
    }
    return list((await tx.execute(query, given)).all())


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
                "rating = r.rating, edited_at = r.edited_at, deleted_at = null "
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


async def cursor(tx: AsyncConnection, network: str, account: str) -> AnyRow | None:
    """Where the stream of an account is to go on: position, at, happened_at."""
    query = text(
        "select position, at, happened_at from stream_cursor where network = :network and account = :account"
    )
    return (await tx.execute(query, {"network": network, "account": account})).one_or_none()


async def cursors(connection: AsyncConnection) -> Sequence[AnyRow]:
    """Up to where the stream of each account was taken."""
    return (await connection.execute(select(CURSOR))).all()


async def move_cursor(
    tx: AsyncConnection, network: str, account: str, expected: str | None, reached: str, *, now: datetime,
    happened_at: datetime | None,
) -> bool:  # fmt: skip
    """Moves the cursor by compare-and-set, in the transaction of what came; False when somebody else moved it."""
    given = {
        "network": network, "account": account, "reached": reached, "now": now, "happened_at": happened_at,
    }  # fmt: skip
    if expected is None:
        moved = await tx.execute(
            text(
                "insert into stream_cursor (network, account, position, at, happened_at) "
                "values (:network, :account, :reached, :now, :happened_at) on conflict do nothing"
            ),
            given,
        )
    else:
        moved = await tx.execute(
            text(
                "update stream_cursor set position = :reached, at = :now, "
                "happened_at = coalesce(cast(:happened_at as timestamptz), happened_at) "
                "where network = :network and account = :account and position = :expected"
            ),
            given | {"expected": expected},
        )
    return moved.rowcount == 1


async def posts_of(tx: AsyncConnection, interactions: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """Where posts that we have were said (network, account), and by whom (speaker_key)."""
    query = text(
        "select interaction_id, network, account, speaker_key from post where interaction_id = any(:ids)"
    )
    rows = await tx.execute(
        query.bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))), {"ids": list(interactions)}
    )
    return {row.interaction_id: row for row in rows}


async def answered_post(tx: AsyncConnection, interaction_id: UUID) -> AnyRow:
    """The post that is answered: network, account, native_id, record. Raises NoResultFound for one that we don't have."""
    query = text("select network, account, native_id, record from post where interaction_id = :id")
    return (await tx.execute(query, {"id": interaction_id})).one()


async def claim_attachment(
    tx: AsyncConnection, network: str, account: str, now: datetime, leased_until: datetime
) -> AnyRow | None:
    """The file to fetch next of posts that an account has taken; nobody else gets it until then."""
    taken = await tx.execute(
        text(
            "update attachment a set attempts = a.attempts + 1, next_attempt_at = :leased_until "
            "from post p where p.interaction_id = a.interaction_id and a.attachment_id = ("
            "  select attachment_id from attachment join post using (interaction_id) "
            "  where state = 'waiting' and network = :network and account = :account and next_attempt_at <= :now "
            "  order by next_attempt_at limit 1 for update of attachment skip locked) "
            "returning a.attachment_id, a.native_id, a.sha256, a.attempts, p.author, p.accepted_at"
        ),
        {"network": network, "account": account, "now": now, "leased_until": leased_until},
    )
    return taken.one_or_none()


async def settle_attachment(tx: AsyncConnection, attachment_id: UUID, values: Mapping[str, Any]) -> None:
    """Records what became of a file."""
    mine = (ATTACHMENT.c.attachment_id == attachment_id, ATTACHMENT.c.state == "waiting")
    await tx.execute(ATTACHMENT.update().where(*mine).values(**values))
