"""Tables and queries of ingest-direct: what was brought in, its files, and the answers to hand back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.entry_counts import delivery_table
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow, as_json, recordset

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)

INTERACTION = Table(
    "interaction",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("noted_by", Text),
    Column("interaction", JSONB, nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("case_id", Uuid),
    Column("case_reference", Text),
    Column("case_status", Text),
    Column("case_revision", Integer, nullable=False, server_default="0"),
    Index("interaction_source_idempotency_key_key", "source", "idempotency_key", unique=True),
    Index("interaction_accepted_at_ix", "accepted_at", "interaction_id"),
    Index("interaction_source_ix", "source", "accepted_at"),
    Index("interaction_case_id_ix", "case_id"),
    info=personal(
        by={"interaction_id": ["idempotency_key", "body_sha256", "interaction"]},
        none=["channel", "case_reference", "case_status"],
        staff=["source", "noted_by"],
    ),
)

ATTACHMENT = Table(
    "attachment",
    METADATA,
    Column("attachment_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("uploaded_at", DateTime(timezone=True), nullable=False),
    Column("interaction_id", Uuid),
    Index("attachment_unused_ix", "uploaded_at", postgresql_where=text("interaction_id is null")),
    info=personal(
        by={"interaction_id": ["filename", "sha256", "content"]},
        none=["media_type"],
        staff=["source"],
    ),
)

REPLY = Table(
    "reply",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("interaction_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
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


async def claim(tx: AsyncConnection, row: Mapping[str, Any]) -> AnyRow | None:
    """Adds the interaction and returns it; None when the same id or the same key of the same source is there."""
    added = await tx.execute(insert(INTERACTION).values(row).on_conflict_do_nothing().returning(INTERACTION))
    return added.one_or_none()


async def earlier(tx: AsyncConnection, source: str, key: str, interaction_id: UUID) -> AnyRow | None:
    """What the same source sent under this key, or that has this id."""
    found = await tx.execute(
        select(INTERACTION)
        .where(
            or_(
                (INTERACTION.c.source == source) & (INTERACTION.c.idempotency_key == key),
                INTERACTION.c.interaction_id == interaction_id,
            )
        )
        .order_by((INTERACTION.c.idempotency_key == key).desc())
        .limit(1)
    )
    return found.one_or_none()


async def use_attachments(
    tx: AsyncConnection, source: str, ids: Sequence[UUID], interaction_id: UUID
) -> list[AnyRow]:
    """Ties uploads of `source` to the interaction; returns those that could be."""
    tied = await tx.execute(
        update(ATTACHMENT)
        .where(ATTACHMENT.c.attachment_id.in_(ids), ATTACHMENT.c.source == source, ATTACHMENT.c.interaction_id.is_(None))
        .values(interaction_id=interaction_id)
        .returning(
            ATTACHMENT.c.attachment_id, ATTACHMENT.c.filename, ATTACHMENT.c.media_type, ATTACHMENT.c.size_bytes,
            ATTACHMENT.c.sha256,
        )
    )  # fmt: skip
    return list(tied.all())


async def forget_unused_attachments(tx: AsyncConnection, age: timedelta) -> None:
    """Deletes uploads that no interaction used."""
    await tx.execute(
        ATTACHMENT.delete().where(
            ATTACHMENT.c.interaction_id.is_(None), ATTACHMENT.c.uploaded_at < func.now() - age
        )
    )


async def add_replies(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Adds answers to hand back, for interactions of ours only; returns the new ones. `source` comes from there."""
    if not rows:
        return []
    columns = [REPLY.c[name] for name in rows[0]]
    names = ", ".join(f"r.{column.name}" for column in columns)
    added = await tx.execute(
        text(
            f"insert into reply (source, {', '.join(c.name for c in columns)}) select i.source, {names} "
            f"from {recordset(columns)} r join interaction i using (interaction_id) "
            "on conflict (reply_id) do nothing returning reply_id"
        ),
        {"rows": as_json(rows)},
    )
    return [row.reply_id for row in added]


async def note_cases(
    tx: AsyncConnection, by_interaction: Sequence[Mapping[str, Any]], by_case: Sequence[Mapping[str, Any]]
) -> None:
    """Keeps which case an interaction of ours is on, and how the case stands; older news changes nothing."""
    columns = [
        INTERACTION.c[n]
        for n in ("interaction_id", "case_id", "case_reference", "case_status", "case_revision")
    ]
    if by_interaction:
        await tx.execute(
            text(
                "update interaction i set case_id = r.case_id, case_reference = r.case_reference, "
                "case_status = r.case_status, case_revision = r.case_revision "
                f"from {recordset(columns)} r where i.interaction_id = r.interaction_id "
                "and i.case_revision < r.case_revision"
            ),
            {"rows": as_json(by_interaction)},
        )
    if by_case:
        await tx.execute(
            text(
                "update interaction i set case_status = r.case_status, case_revision = r.case_revision "
                f"from {recordset(columns[1:])} r where i.case_id = r.case_id and i.case_revision < r.case_revision"
            ),
            {"rows": as_json(by_case)},
        )


async def finish_reply(
    tx: AsyncConnection, reply_id: UUID, state: str, outcome: Mapping[str, Any], by: str, at: datetime
) -> AnyRow | None:
    """Ends a waiting reply; None when it does not wait."""
    done = await tx.execute(
        update(REPLY)
        .where(REPLY.c.reply_id == reply_id, REPLY.c.state == "waiting")
        .values(state=state, outcome=outcome, finished_by=by, finished_at=at)
        .returning(REPLY)
    )
    return done.one_or_none()


async def reply_counts(connection: AsyncConnection) -> dict[str, int]:
    """How many answers wait, were sent, failed."""
    rows = await connection.execute(select(REPLY.c.state, func.count().label("n")).group_by(REPLY.c.state))
    return {row.state: row.n for row in rows}
