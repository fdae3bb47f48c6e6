"""Offers: reservations of a work item for one agent until they expire."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Table,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch, mapping
from routing.domain.offer import REFUSALS, OfferRecord
from routing.store.base import METADATA

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


# The SQL condition of a refused offer.
REFUSED = f"result in ({', '.join(repr(result.value) for result in REFUSALS)})"


async def pending_offers(tx: AsyncConnection, work_item_ids: Sequence[UUID]) -> dict[UUID, OfferRecord]:
    """Returns the pending offer of each work item that has one."""
    if not work_item_ids:
        return {}
    rows = await fetch(tx, _PENDING, {"ids": list(work_item_ids)})
    return {row.work_item_id: OfferRecord.of(mapping(row)) for row in rows}
