"""Posts that concern us, with their earlier versions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import insert_rows
from ingest_social.store.base import METADATA

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
NEWEST_FIRST = KeysetPage(POST.c.accepted_at, POST.c.interaction_id)

_NATIVE = bindparam("native_ids", type_=ARRAY(TEXT))
_AUTHORS = bindparam("authors", type_=ARRAY(TEXT))


async def lock_posts(
    tx: AsyncConnection, network: str, account: str, native_ids: Sequence[str], authors: Sequence[str]
) -> list[AnyRow]:
    """The posts that an account of ours has, by their ids or authors. Locks them in the order of their ids."""
    query = text(
        "select interaction_id, native_id, revision, position, author, speaker_key, deleted_at from post "
        "where network = :network and account = :account "
        "and (native_id = any(:native_ids) or author = any(:authors)) order by interaction_id for update"
    ).bindparams(_NATIVE, _AUTHORS)
    parameters = {
        "network": network,
        "account": account,
        "native_ids": list(native_ids),
        "authors": list(authors),
    }
    return list((await tx.execute(query, parameters)).all())


async def add_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Adds posts. Returns the ids of those that are new."""
    added = await insert_rows(tx, POST, rows, then="on conflict do nothing returning interaction_id")
    return {row.interaction_id for row in added}


async def edit_posts(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Stores new versions of posts, and adds to `earlier` the version before and those that came `between`."""
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
    """Marks posts (interaction_id, position, deleted_at) as deleted."""
    if rows:
        await tx.execute(
            text(
                "update post p set deleted_at = r.deleted_at, position = coalesce(r.position, p.position) "
                f"from {recordset([POST.c[name] for name in rows[0]])} r where p.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(rows)},
        )


async def find_answered_posts(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """Network, account and speaker_key of the posts that replies answer, by interaction id."""
    query = text(
        "select interaction_id, network, account, speaker_key from post where interaction_id = any(:ids)"
    )
    rows = await tx.execute(
        query.bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))), {"ids": list(ids)}
    )
    return {row.interaction_id: row for row in rows}


async def find_answered_post(tx: AsyncConnection, interaction_id: UUID) -> AnyRow:
    """The post that a reply answers: network, account, native_id, record. Raises NoResultFound when we don't have it."""
    query = text("select network, account, native_id, record from post where interaction_id = :id")
    return (await tx.execute(query, {"id": interaction_id})).one()


async def list_posts(
    connection: AsyncConnection,
    *,
    author: str | None,
    is_deleted: bool | None,
    since: datetime | None,
    cursor: str | None,
    limit: int,
) -> Sequence[AnyRow]:
    """The posts of a page and one more, the newest first. Raises Problem 400 for a bad cursor."""
    query = select(POST)
    if author:
        query = query.where(POST.c.author == author)
    if is_deleted is not None:
        query = query.where(POST.c.deleted_at.is_not(None) if is_deleted else POST.c.deleted_at.is_(None))
    if since is not None:
        query = query.where(POST.c.accepted_at >= since)
    return (await connection.execute(NEWEST_FIRST.after(query, cursor, limit))).all()


async def find_post(connection: AsyncConnection, interaction_id: UUID) -> AnyRow | None:
    """One post."""
    return (
        await connection.execute(select(POST).where(POST.c.interaction_id == interaction_id))
    ).one_or_none()
