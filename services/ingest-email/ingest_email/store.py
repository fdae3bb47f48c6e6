"""Tables and queries of ingest-email: mails with their raw bytes, attachments, cursors, and what is sent."""

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
    bindparam,
    func,
    insert,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.database import AnyRow, metadata, plumbing_tables
from antiphon.personal import personal
from antiphon.tally import delivery_table

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)

MAIL = Table(
    "mail",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("message_id", Text),
    Column("account", Text, nullable=False),
    Column("sender", Text),
    Column("sender_name", Text),
    Column("reply_to", ARRAY(Text), nullable=False),
    Column("subject", Text),
    Column("mail_references", ARRAY(Text), nullable=False),
    Column("automation", Text, nullable=False),
    Column("defects", ARRAY(Text), nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("interaction", JSONB, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("raw_sha256", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("mail_from", Text),
    Column("peer", Text),
    Column("helo", Text),
    Index("mail_received_at_ix", "received_at", "interaction_id"),
    Index("mail_automation_ix", "automation", "received_at", postgresql_where=text("automation <> 'none'")),
    Index("mail_defects_ix", "defects", postgresql_using="gin"),
    info=personal(
        by={
            "interaction_id": [
                "message_id",
                "sender",
                "sender_name",
                "reply_to",
                "subject",
                "mail_references",
                "headers",
                "interaction",
                "raw",
                "raw_sha256",
                "mail_from",
                "peer",
                "helo",
            ]
        },
        none=["account", "automation", "defects"],
    ),
)
ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, ForeignKey("mail.interaction_id"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content_id", Text),
    Column("sha256", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("attachment_interaction_id_ix", "interaction_id"),
    info=personal(
        by={"interaction_id": ["filename", "content_id", "sha256", "data"]},
        none=["media_type"],
    ),
)
IMAP_CURSOR = Table(
    "imap_cursor",
    METADATA,
    Column("mailbox", Text, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    info=personal(none=["mailbox"]),
)
SENDING = Table(
    "sending",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("envelope_from", Text),
    Column("recipient", Text),
    Column("destination", Text, nullable=False),
    Column("raw", LargeBinary),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("sending_due_ix", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
    Index("sending_message_id_key", "message_id", unique=True),
    Index("sending_state_ix", "state"),
    info=personal(
        by={
            "request.answers": [
                "request",
                "message_id",
                "envelope_from",
                "recipient",
                "destination",
                "raw",
                "reason",
            ]
        },
        none=["state"],
    ),
)
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
        by={"reply_id -> sending.request.answers": ["told"]},
        none=["outcome"],
    ),
)

_VIEW = [column for column in MAIL.c if column.name != "raw"]
_CLAIM = text(
    """
    update sending set attempts = attempts + 1, next_attempt_at = :leased_until
    where reply_id = (
        select reply_id from sending
        where state = 'waiting' and next_attempt_at <= :now and destination <> all(:busy)
        order by next_attempt_at for update skip locked limit 1
    )
    returning reply_id, case_id, request, message_id, envelope_from, recipient, destination, raw, attempts, requested_at
    """
).bindparams(bindparam("busy", type_=ARRAY(Text)))
_SETTLE = text(
    """
    update sending set state = :state, reason = :reason, next_attempt_at = :next_attempt_at, ended_at = :ended_at
    where reply_id = :reply_id and state = 'waiting' and attempts = :attempts returning reply_id
    """
)
_ANSWERED = text(
    """
    select interaction_id, message_id, sender, sender_name, subject, mail_references, automation,
        interaction -> 'return_path' ->> 'value' as return_path,
        interaction -> 'content' ->> 'text' as words, interaction ->> 'occurred_at' as written_at
    from mail where interaction_id = any(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))
_REPLIES = text("select state, count(*) as n from sending group by state")


async def add_mail(tx: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Keeps a mail; False when it is there already."""
    done = await tx.execute(
        upsert(MAIL).values(**row).on_conflict_do_nothing().returning(MAIL.c.interaction_id)
    )
    return done.first() is not None


async def add_attachments(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the files of a mail, in one statement."""
    if rows:
        await tx.execute(insert(ATTACHMENT).values(list(rows)))


async def answered_mails(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """What a reply needs to know of the mails that are answered."""
    return {row.interaction_id: row for row in await tx.execute(_ANSWERED, {"ids": list(ids)})}


async def claim(
    tx: AsyncConnection, now: datetime, leased_until: datetime, busy: Sequence[str]
) -> AnyRow | None:
    """The reply that is due longest, not to a busy destination, with this attempt noted. Nobody else gets it until then."""
    row = (await tx.execute(_CLAIM, {"now": now, "leased_until": leased_until, "busy": list(busy)})).first()
    if row is not None:
        await tx.execute(insert(ATTEMPT).values(reply_id=row.reply_id, number=row.attempts, began_at=now))
    return row


async def end_attempt(
    tx: AsyncConnection, reply_id: UUID, number: int, *, now: datetime, outcome: str, told: str
) -> None:
    """Notes how an attempt ended."""
    await tx.execute(
        ATTEMPT.update()
        .where(ATTEMPT.c.reply_id == reply_id, ATTEMPT.c.number == number)
        .values(ended_at=now, outcome=outcome, told=told)
    )


async def settle(
    tx: AsyncConnection,
    reply_id: UUID,
    attempts: int,
    *,
    state: str,
    reason: str | None,
    next_attempt_at: datetime,
    ended_at: datetime | None,
) -> bool:
    """Moves a reply on after its attempt; False when a later attempt has it already."""
    given = {
        "reply_id": reply_id, "attempts": attempts, "state": state, "reason": reason,
        "next_attempt_at": next_attempt_at, "ended_at": ended_at,
    }  # fmt: skip
    return (await tx.execute(_SETTLE, given)).first() is not None


async def next_due(tx: AsyncConnection) -> datetime | None:
    """When the next waiting reply is due."""
    return await tx.scalar(select(func.min(SENDING.c.next_attempt_at)).where(SENDING.c.state == "waiting"))


async def bounced(tx: AsyncConnection, message_id: str, reason: str, now: datetime) -> AnyRow | None:
    """Marks a reply that was sent as come back; None when no reply that was sent has this Message-ID."""
    return (
        await tx.execute(
            SENDING.update()
            .where(SENDING.c.message_id == message_id, SENDING.c.state == "sent")
            .values(state="failed", reason=reason, ended_at=now)
            .returning(SENDING.c.reply_id, SENDING.c.request, SENDING.c.attempts)
        )
    ).first()


async def cursor(tx: AsyncConnection, mailbox: str) -> AnyRow | None:
    """How far a mailbox was read."""
    return (await tx.execute(select(IMAP_CURSOR).where(IMAP_CURSOR.c.mailbox == mailbox))).first()


async def move_cursor(
    tx: AsyncConnection, mailbox: str, uidvalidity: int, last_uid: int, now: datetime
) -> None:
    """Notes how far a mailbox was read."""
    row = {"uidvalidity": uidvalidity, "last_uid": last_uid, "updated_at": now}
    await tx.execute(
        upsert(IMAP_CURSOR)
        .values(mailbox=mailbox, **row)
        .on_conflict_do_update(index_elements=["mailbox"], set_=row)
    )


async def mails(
    connection: AsyncConnection,
    *,
    automation: str | None,
    with_defects: bool | None,
    since: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[AnyRow]:
    """Mails, newest first, without their bytes."""
    query = select(*_VIEW).order_by(MAIL.c.received_at.desc(), MAIL.c.interaction_id.desc()).limit(limit)
    if automation is not None:
        query = query.where(MAIL.c.automation == automation)
    if with_defects is not None:
        query = query.where(MAIL.c.defects != [] if with_defects else MAIL.c.defects == [])
    if since is not None:
        query = query.where(MAIL.c.received_at >= since)
    if after is not None:
        query = query.where(tuple_(MAIL.c.received_at, MAIL.c.interaction_id) < after)
    return (await connection.execute(query)).all()


async def mail(connection: AsyncConnection, interaction_id: UUID) -> AnyRow | None:
    """One mail without its bytes."""
    return (await connection.execute(select(*_VIEW).where(MAIL.c.interaction_id == interaction_id))).first()


async def raw_mail(connection: AsyncConnection, interaction_id: UUID) -> bytes | None:
    """The bytes of a mail as they came."""
    return await connection.scalar(select(MAIL.c.raw).where(MAIL.c.interaction_id == interaction_id))


async def attachment(connection: AsyncConnection, attachment_id: UUID) -> AnyRow | None:
    """A file with its bytes."""
    return (
        await connection.execute(select(ATTACHMENT).where(ATTACHMENT.c.attachment_id == attachment_id))
    ).first()


async def reply(connection: AsyncConnection, reply_id: UUID) -> tuple[AnyRow, Sequence[AnyRow]] | None:
    """A reply and its attempts."""
    columns = [column for column in SENDING.c if column.name not in {"raw", "request"}]
    row = (await connection.execute(select(*columns).where(SENDING.c.reply_id == reply_id))).first()
    if row is None:
        return None
    attempts = select(ATTEMPT).where(ATTEMPT.c.reply_id == reply_id).order_by(ATTEMPT.c.number)
    return row, (await connection.execute(attempts)).all()


async def reply_counts(connection: AsyncConnection) -> dict[str, int]:
    """How many replies are in each state."""
    return {row.state: row.n for row in await connection.execute(_REPLIES)}
