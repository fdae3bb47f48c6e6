"""The files of posts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import insert_rows
from ingest_social.domain.attachments import AttachmentState, FetchResult
from ingest_social.store.base import METADATA
from ingest_social.store.posts import POST

# New files are notified on this channel.
CHANNEL = "attachment"
# `data` is null until the file is fetched. `sha256` is what the network stated, or that of the bytes that were fetched.
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

_VIEW = [column for column in ATTACHMENT.c if column.name != "data"]


async def add_attachments(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds files that are to be fetched, and wakes the fetcher."""
    await insert_rows(tx, ATTACHMENT, rows, then="on conflict do nothing")
    if rows:
        await tx.execute(text(f"select pg_notify('{CHANNEL}', '')"))


async def claim_attachment(
    tx: AsyncConnection, network: str, account: str, now: datetime, leased_until: datetime
) -> AnyRow | None:
    """The next file to fetch of the posts of an account. No other process gets it before `leased_until`."""
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


async def end_attempt(tx: AsyncConnection, attachment_id: UUID, result: FetchResult) -> None:
    """Records how an attempt to fetch a file ended."""
    values: dict[str, object] = {"state": result.state, "reason": result.reason}
    if result.data is not None:
        values |= {"data": result.data, "sha256": result.sha256}
    if result.next_attempt_at is not None:
        values |= {"next_attempt_at": result.next_attempt_at}
    is_waiting = ATTACHMENT.c.state == AttachmentState.WAITING
    update = ATTACHMENT.update().where(ATTACHMENT.c.attachment_id == attachment_id, is_waiting)
    await tx.execute(update.values(**values))


async def attachments_of(connection: AsyncConnection, interaction_id: UUID) -> Sequence[AnyRow]:
    """The files of a post by name, without their bytes."""
    query = (
        select(*_VIEW).where(ATTACHMENT.c.interaction_id == interaction_id).order_by(ATTACHMENT.c.filename)
    )
    return (await connection.execute(query)).all()


async def find_attachment(connection: AsyncConnection, attachment_id: UUID) -> AnyRow | None:
    """Name and bytes of a file that is kept; None while it is not, and when its post was deleted."""
    query = (
        select(ATTACHMENT.c.data, ATTACHMENT.c.filename)
        .select_from(ATTACHMENT.join(POST, ATTACHMENT.c.interaction_id == POST.c.interaction_id))
        .where(
            ATTACHMENT.c.attachment_id == attachment_id,
            ATTACHMENT.c.state == AttachmentState.KEPT,
            POST.c.deleted_at.is_(None),
        )
    )
    return (await connection.execute(query)).one_or_none()
