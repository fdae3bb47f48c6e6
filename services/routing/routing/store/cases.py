"""Case records: what routing keeps of each case, so that an older event changes nothing newer."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch, mapping
from routing.domain.case_record import CaseRecord
from routing.store.base import METADATA

# The newest revision received of each case, since when it awaits an answer, who worked on it last, and `answers` that came
# before their case event: the revision of the case after each was written, and when it was sent.
CASE_RECORD = Table(
    "case_record",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("last_agent", Text),
    Column("last_at", DateTime(timezone=True)),
    Column("awaiting_since", DateTime(timezone=True)),
    Column("answers", JSONB, nullable=False, server_default="[]"),
    Column("awaits", Boolean, nullable=False, server_default=text("false")),
    Column("dismissed", Text),
    Column("asked_revision", Integer, nullable=False, server_default="0"),
    Column("reference", Text),
    Column("customer_id", Uuid),
    Column("awaited_until", DateTime(timezone=True)),
    Index("case_record_awaits_ix", "case_id", postgresql_where=text("awaits")),
    Index("case_record_awaited_ix", "awaited_until", postgresql_where=text("awaited_until is not null")),
    info=personal(
        by={"case_id -> work_item.customer_id": ["dismissed"]},
        none=["answers", "reference"],
        staff=["last_agent"],
    ),
)


_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))


_LOCK_OR_CREATE = text(
    """
    with made as (
        insert into case_record (case_id, revision) select unnest(:ids), 0 on conflict do nothing returning *
    ), known as (
        select * from case_record where case_id in (select unnest(:ids)) order by case_id for update
    )
    select * from made union all select * from known
    """
).bindparams(_IDS)


_CASES = text("select * from case_record where case_id = any(:ids) order by case_id for update").bindparams(
    _IDS
)


_LOCK_CASE_OF = text(
    "select * from case_record where case_id = (select case_id from work_item where work_item_id = :item) for update"
)


async def lock_cases(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, CaseRecord]:
    """Returns the case records of these cases, locked in the order of ids; creates missing ones."""
    parameters = {"ids": sorted(ids)}
    rows = [*await fetch(tx, _LOCK_OR_CREATE, parameters)]
    if len({row.case_id for row in rows}) < len(ids):
        # Another transaction created one and committed meanwhile: only the next statement sees it.
        rows += await fetch(tx, _CASES, parameters)
    return {row.case_id: CaseRecord.of(mapping(row)) for row in rows}


async def lock_case_of(tx: AsyncConnection, work_item_id: UUID) -> CaseRecord | None:
    """Returns the case record of a work item, locked; None where there is none. Call it before its work is locked."""
    rows = await fetch(tx, _LOCK_CASE_OF, {"item": work_item_id})
    return CaseRecord.of(mapping(rows[0])) if rows else None
