"""The record of each case: its entries, of which none is ever changed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import Actor
from antiphon.contracts.cases import StatusTrigger
from antiphon.http.problems import LastEntry
from antiphon.postgres.personal_data import personal
from antiphon.postgres.writes import Writes
from case_mgmt.domain.record import Entry, EntryKind, NumberedEntry
from case_mgmt.store.base import METADATA

# The natural key makes an event that comes again the same entry.
ENTRY = Table(
    "case_entry",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("natural_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("actor", JSONB, nullable=False),
    Column("data", JSONB, nullable=False),
    Index("case_entry_case_id_ix", "case_id", "id"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["natural_key", "actor", "data"]},
        none=["kind"],
    ),
)

# What the author of a reply must have seen, besides the statuses that people set.
_MUST_BE_SEEN = (
    EntryKind.INTERACTION,
    EntryKind.REPLY_REQUESTED,
    EntryKind.REPLY_FAILED,
    EntryKind.INTERACTION_EDITED,
    EntryKind.INTERACTION_DELETED,
)
_NEWEST_TO_SEE = text(
    f"""
    select e.id, e.kind, e.actor, e.occurred_at, e.data, coalesce(
        (select requested ->> 'text' from reply where reply_id = cast(e.data ->> 'reply_id' as uuid)),
        (select interaction #>> '{{content,text}}' from case_interaction
            where interaction_id = cast(e.data ->> 'interaction_id' as uuid) and deleted_at is null)
    ) as words from (
        select * from case_entry where case_id = :case_id and (kind = any(:kinds)
            or (kind = '{EntryKind.STATUS_CHANGED}' and data ->> 'trigger' is distinct from '{StatusTrigger.WORK_ACCEPTED}'))
        -- A reply and the change of status that comes with it are written together. The entry of the reply says more.
        order by recorded_at desc, kind = '{EntryKind.STATUS_CHANGED}', id desc limit 1
    ) e
    """
)


def add(writes: Writes, entries: Sequence[Entry]) -> None:
    """Adds entries to the record."""
    writes.insert(ENTRY, [vars(entry) for entry in entries], then="on conflict do nothing")


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[NumberedEntry]:
    """The entries of a case, in the order in which they were added."""
    rows = await connection.execute(select(ENTRY).where(ENTRY.c.case_id == case_id).order_by(ENTRY.c.id))
    return [
        NumberedEntry(
            case_id=row.case_id,
            natural_key=row.natural_key,
            kind=row.kind,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
            actor=Actor.model_validate(row.actor),
            data=row.data,
            id=row.id,
        )
        for row in rows
    ]


async def newest_to_see(tx: AsyncConnection, case_id: UUID) -> LastEntry | None:
    """The newest entry of a case that the author of a reply must have seen."""
    given = {"case_id": case_id, "kinds": [kind.value for kind in _MUST_BE_SEEN]}
    row = (await tx.execute(_NEWEST_TO_SEE, given)).one_or_none()
    if row is None:
        return None
    data = {name: row.data.get(name) for name in ("interaction_id", "reply_id", "status", "reason")}
    return LastEntry(
        entry_id=row.id, kind=row.kind, actor=row.actor, occurred_at=row.occurred_at, text=row.words, **data
    )
