"""Interactions that people and systems brought, and the case that each is on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.interactions import Interaction
from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from ingest_direct.store.base import METADATA

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

NEWEST_FIRST = KeysetPage(INTERACTION.c.accepted_at, INTERACTION.c.interaction_id)


@dataclass(frozen=True)
class Request:
    """By what a repeated request is recognised: who sent it, its key, and the digest of its body."""

    source: str
    idempotency_key: str
    body_sha256: str


class CaseState(NamedTuple):
    """The state of a case at one of its revisions."""

    case_id: UUID
    case_reference: str
    case_status: str
    case_revision: int


async def add(tx: AsyncConnection, request: Request, interaction: Interaction) -> AnyRow | None:
    """Adds the interaction and returns it; None when its id, or its key of the same source, is there already."""
    rows = await tx.execute(
        insert(INTERACTION)
        .values(
            interaction_id=interaction.interaction_id,
            source=request.source,
            idempotency_key=request.idempotency_key,
            body_sha256=request.body_sha256,
            channel=interaction.channel,
            noted_by=interaction.noted_by,
            interaction=interaction.model_dump(mode="json"),
            accepted_at=interaction.accepted_at,
        )
        .on_conflict_do_nothing()
        .returning(INTERACTION)
    )
    return rows.one_or_none()


async def earlier(tx: AsyncConnection, request: Request, interaction_id: UUID) -> AnyRow | None:
    """The interaction that the same source sent under the same key, else the one with this id."""
    c = INTERACTION.c
    rows = await tx.execute(
        select(INTERACTION)
        .where(
            or_(
                (c.source == request.source) & (c.idempotency_key == request.idempotency_key),
                c.interaction_id == interaction_id,
            )
        )
        .order_by((c.idempotency_key == request.idempotency_key).desc())
        .limit(1)
    )
    return rows.one_or_none()


async def get(connection: AsyncConnection, interaction_id: UUID) -> AnyRow | None:
    """The interaction, with the state of its case."""
    rows = await connection.execute(select(INTERACTION).where(INTERACTION.c.interaction_id == interaction_id))
    return rows.one_or_none()


async def page(
    connection: AsyncConnection, *, source: str | None, channel: str | None, cursor: str | None, limit: int
) -> Sequence[AnyRow]:  # fmt: skip
    """Interactions, the newest first, for `NEWEST_FIRST.page`. Raises Problem 400 for a malformed cursor."""
    query = select(INTERACTION)
    if source is not None:
        query = query.where(INTERACTION.c.source == source)
    if channel is not None:
        query = query.where(INTERACTION.c.channel == channel)
    return (await connection.execute(NEWEST_FIRST.after(query, cursor, limit))).all()


async def set_cases(
    tx: AsyncConnection, by_interaction: dict[UUID, CaseState], by_case: Sequence[CaseState]
) -> None:
    """Records which case interactions are on, and the state of cases. An older revision changes nothing."""
    columns = [INTERACTION.c[name] for name in CaseState._fields]
    if by_interaction:
        rows = [{"interaction_id": one, **case._asdict()} for one, case in by_interaction.items()]
        await tx.execute(
            text(
                "update interaction i set case_id = r.case_id, case_reference = r.case_reference, "
                "case_status = r.case_status, case_revision = r.case_revision "
                f"from {recordset([INTERACTION.c.interaction_id, *columns])} r "
                "where i.interaction_id = r.interaction_id and i.case_revision < r.case_revision"
            ),
            {"rows": as_json(rows)},
        )
    if by_case:
        await tx.execute(
            text(
                "update interaction i set case_status = r.case_status, case_revision = r.case_revision "
                f"from {recordset(columns)} r where i.case_id = r.case_id and i.case_revision < r.case_revision"
            ),
            {"rows": as_json([case._asdict() for case in by_case])},
        )
