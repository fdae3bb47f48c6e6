"""Offers: one item of work, offered to one agent until it expires."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.work import WorkState
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch, mapping
from routing.domain.offer import REFUSALS, OfferRecord
from routing.store.base import METADATA
from routing.store.work_items import WORK

OFFER = Table(
    "offer",
    METADATA,
    Column("offer_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("agent_name", Text, nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("result", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("directed", Boolean, nullable=False, server_default="false"),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Index("offer_pending_key", "work_item_id", unique=True, postgresql_where=text("result is null")),
    Index("offer_work_item_id_ix", "work_item_id"),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["reason"]},
        none=["result"],
        staff=["agent_id", "agent_name"],
    ),
)


_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))


_PENDING = text(
    "select * from offer where work_item_id in (select unnest(:ids)) and result is null"
).bindparams(_IDS)


_ASKED = text("select distinct agent_id from offer where offer_id = any(:ids) and result is null").bindparams(
    _IDS
)
_COUNT = text("select coalesce(result, 'pending') as result, count(*) as n from offer group by 1")


# Of an offer that was refused, in SQL.
REFUSED = f"result in ({', '.join(repr(result.value) for result in REFUSALS)})"


_REFUSALS = text(
    f"select work_item_id, agent_id, max(ended_at) as ended_at from offer "
    f"where work_item_id in (select unnest(:ids)) and {REFUSED} group by work_item_id, agent_id"
).bindparams(_IDS)


async def get(tx: AsyncConnection, offer_id: UUID) -> OfferRecord | None:
    """An offer, if there is one of this id."""
    row = (await tx.execute(select(OFFER).where(OFFER.c.offer_id == offer_id))).one_or_none()
    return None if row is None else OfferRecord.of(mapping(row))


async def of_work(tx: AsyncConnection, work_item_id: UUID) -> Sequence[AnyRow]:
    """All offers of a work item, the first made first."""
    query = select(OFFER).where(OFFER.c.work_item_id == work_item_id).order_by(OFFER.c.offered_at)
    return (await tx.execute(query)).all()


async def last_to(tx: AsyncConnection, work_item_id: UUID, agent_id: str | None) -> OfferRecord | None:
    """The last offer of a work item to an agent; the pending one if there is one, since clocks of replicas differ."""
    query = (
        select(OFFER)
        .where(OFFER.c.work_item_id == work_item_id, OFFER.c.agent_id == agent_id)
        .order_by(OFFER.c.result.is_not(None), OFFER.c.offered_at.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else OfferRecord.of(mapping(row))


async def agents_asked(tx: AsyncConnection, offer_ids: Sequence[UUID]) -> list[str]:
    """The agents to whom those of these offers that are pending were made."""
    return [row.agent_id for row in await fetch(tx, _ASKED, {"ids": list(offer_ids)})]


async def pending_offers(tx: AsyncConnection, work_item_ids: Sequence[UUID]) -> dict[UUID, OfferRecord]:
    """The offer that is out for each work item."""
    if not work_item_ids:
        return {}
    rows = await fetch(tx, _PENDING, {"ids": list(work_item_ids)})
    return {row.work_item_id: OfferRecord.of(mapping(row)) for row in rows}


async def refusals(tx: AsyncConnection, work_item_ids: Sequence[UUID]) -> dict[UUID, dict[str, datetime]]:
    """The agents who refused each of these work items, and when they did last."""
    refused: dict[UUID, dict[str, datetime]] = {}
    for row in await fetch(tx, _REFUSALS, {"ids": list(work_item_ids)}):
        refused.setdefault(row.work_item_id, {})[row.agent_id] = row.ended_at
    return refused


async def pending_of_agent(tx: AsyncConnection, agent_id: str, now: datetime) -> Sequence[AnyRow]:
    """The offers that wait for an agent's answer, the first to expire first.

    Each row has all columns of its work item, and the `note` of who handed that on.
    """
    query = (
        select(
            OFFER.c.offer_id,
            OFFER.c.offered_at,
            OFFER.c.expires_at,
            OFFER.c.extensions,
            WORK.c.handover["note"].astext.label("note"),
            WORK,
        )
        .join(WORK, WORK.c.work_item_id == OFFER.c.work_item_id)
        .where(WORK.c.agent_id == agent_id, WORK.c.state == WorkState.OFFERED)
        .where(OFFER.c.result.is_(None), OFFER.c.expires_at > now)
        .order_by(OFFER.c.expires_at)
    )
    return (await tx.execute(query)).all()


async def count_by_result(tx: AsyncConnection) -> dict[str, int]:
    """How many offers there are of each result, with `pending` for those without one."""
    return {row.result: row.n for row in await fetch(tx, _COUNT, {})}
