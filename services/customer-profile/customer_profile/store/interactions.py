"""The interactions on customers' timelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Interaction
from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import Writes, update_rows
from customer_profile.store.base import METADATA

INTERACTION = Table(
    "interaction",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("customer_id", Uuid, nullable=False),
    Column("speaker_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("network", Text),
    Column("account", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("subject", Text),
    Column("text", Text, nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("department", Text),
    Column("tone", Text, nullable=False),
    Column("automation", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Column("case_id", Uuid),
    Column("case_reference", Text),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Index("interaction_timeline_ix", "customer_id", text("occurred_at desc"), text("interaction_id desc")),
    info=personal(
        by={"customer_id": ["speaker_key", "subject", "text", "topics", "department", "tone", "earlier"]},
        none=["channel", "network", "account", "visibility", "automation", "case_reference"],
    ),
)

TIMELINE = KeysetPage(INTERACTION.c.occurred_at, INTERACTION.c.interaction_id)


@dataclass(frozen=True)
class Version:
    """Words of an interaction that an edit replaced."""

    subject: str | None
    text: str
    replaced_at: datetime


class Edit(NamedTuple):
    """The new words of an interaction and their reading. `earlier` are versions between these and the stored one."""

    interaction_id: UUID
    subject: str | None
    text: str
    topics: Sequence[str]
    department: str | None
    tone: str
    edited_at: datetime
    earlier: Sequence[Version]


def add(writes: Writes, identified: Sequence[tuple[Interaction, Reading, UUID]]) -> None:
    """Adds interactions, each with its reading and its customer."""
    writes.insert(INTERACTION, [_row(*one) for one in identified], then="on conflict do nothing")


def _row(interaction: Interaction, reading: Reading, customer_id: UUID) -> Mapping[str, object]:
    return {
        "interaction_id": interaction.interaction_id,
        "customer_id": customer_id,
        "speaker_key": interaction.speaker_key,
        "channel": interaction.channel,
        "network": interaction.network,
        "account": interaction.account,
        "visibility": interaction.visibility,
        "subject": interaction.content.subject,
        "text": interaction.content.text,
        "topics": reading.topics,
        "department": reading.department,
        "tone": reading.tone,
        "automation": interaction.automation,
        "occurred_at": interaction.occurred_at,
        "accepted_at": interaction.accepted_at,
    }


async def edit(tx: AsyncConnection, edits: Sequence[Edit]) -> None:
    """Gives interactions their new words, and keeps the earlier versions in `earlier`. An older edit changes nothing."""
    if not edits:
        return
    columns = [INTERACTION.c[name] for name in Edit._fields]
    await tx.execute(
        text(
            "update interaction i set earlier = i.earlier || jsonb_build_array(jsonb_build_object("
            "'subject', i.subject, 'text', i.text, 'replaced_at', r.edited_at)) || r.earlier, subject = r.subject, text = r.text, "
            "topics = r.topics, department = r.department, tone = r.tone, edited_at = r.edited_at "
            f"from {recordset(columns)} r where i.interaction_id = r.interaction_id "
            "and (i.edited_at is null or i.edited_at < r.edited_at)"
        ),
        {"rows": as_json([one._asdict() for one in edits])},
    )


async def delete(tx: AsyncConnection, deleted_at: Mapping[UUID, datetime]) -> None:
    """Records when interactions were deleted, by their ids. Their words stay, and views hide them."""
    if not deleted_at:
        return
    columns = [INTERACTION.c.interaction_id, INTERACTION.c.deleted_at]
    rows = [{"interaction_id": identity, "deleted_at": at} for identity, at in deleted_at.items()]
    await tx.execute(
        text(
            f"update interaction i set deleted_at = r.deleted_at from {recordset(columns)} r "
            "where i.interaction_id = r.interaction_id and i.deleted_at is null"
        ),
        {"rows": as_json(rows)},
    )


async def set_cases(tx: AsyncConnection, cases: Mapping[UUID, tuple[UUID, str]]) -> None:
    """Records which case, by id and reference, each interaction is on."""
    rows = [
        {"interaction_id": identity, "case_id": case_id, "case_reference": reference}
        for identity, (case_id, reference) in cases.items()
    ]
    await update_rows(tx, INTERACTION, rows)


async def timeline(
    connection: AsyncConnection, customer_id: UUID, *, channel: str | None, since: datetime | None,
    cursor: str | None, limit: int,
) -> Sequence[AnyRow]:  # fmt: skip
    """A customer's interactions, the newest first, for `TIMELINE.page`. Raises Problem 400 for a malformed cursor."""
    c = INTERACTION.c
    query = select(INTERACTION).where(c.customer_id == customer_id)
    if channel:
        query = query.where(c.channel == channel)
    if since:
        query = query.where(c.occurred_at >= since)
    return (await connection.execute(TIMELINE.after(query, cursor, limit))).all()
