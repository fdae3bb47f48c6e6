"""Which identifiers belong to which customer, and which links a supervisor removed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch
from antiphon.postgres.writes import insert_rows, update_rows
from customer_profile.domain.identification import Link
from customer_profile.store.base import METADATA

# PostgreSQL checks the owner at the end of the transaction: identifiers are claimed before their customer is added.
IDENTIFIER = Table(
    "identifier",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column(
        "customer_id",
        Uuid,
        ForeignKey("customer.customer_id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    Column("stated_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Index("identifier_customer_id_ix", "customer_id"),
    info=personal(
        by={"customer_id": ["key", "value"]},
        none=["kind", "stated_by"],
        staff=["source"],
    ),
)

UNLINKED_IDENTIFIER = Table(
    "unlinked_identifier",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("stated_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Column("unlinked_by", Text, nullable=False),
    Column("unlinked_at", DateTime(timezone=True), nullable=False),
    Index("unlinked_identifier_customer_id_ix", "customer_id"),
    Index("unlinked_identifier_key_ix", "key"),
    info=personal(
        by={"customer_id": ["key"]},
        none=["stated_by"],
        staff=["source", "unlinked_by"],
    ),
)

_KEYS = bindparam("keys", type_=ARRAY(TEXT))
# `in (select unnest())`, not `= any()`: see `identification`.
_OWNERS = text("select key, customer_id from identifier where key in (select unnest(:keys))").bindparams(
    _KEYS
)
_RELEASE = text("delete from identifier where key in (select unnest(:keys))").bindparams(_KEYS)


async def owners(tx: AsyncConnection, keys: Sequence[str]) -> dict[str, UUID]:
    """The customer of each identifier; unknown identifiers are absent."""
    rows = await fetch(tx, _OWNERS, {"keys": list(keys)})
    return {row.key: row.customer_id for row in rows}


async def claim(tx: AsyncConnection, links: Sequence[Link], now: datetime) -> set[str]:
    """Links the identifiers that have no owner, and returns their keys.

    All transactions claim in the order of keys, so none deadlocks. A transaction that comes second waits until the first
    commits and then claims nothing: its caller reads the owner, which READ COMMITTED shows to the next statement.
    """
    rows = [
        {
            "key": link.key,
            "kind": link.identifier.kind,
            "value": link.identifier.value,
            "customer_id": link.customer_id,
            "stated_by": link.stated_by,
            "source": link.source,
            "linked_at": now,
        }
        for link in sorted(links)
    ]
    claimed = await insert_rows(
        tx, IDENTIFIER, rows, then="order by r.key on conflict do nothing returning identifier.key"
    )
    return {row.key for row in claimed}


async def reassign(tx: AsyncConnection, links: Sequence[Link], released: Collection[str]) -> None:
    """Gives identifiers that this transaction claimed to other customers, and deletes those whose keys are `released`.

    No other transaction has seen them yet.
    """
    rows = [
        {"key": link.key, "customer_id": link.customer_id, "stated_by": link.stated_by, "source": link.source}
        for link in links
    ]
    await update_rows(tx, IDENTIFIER, rows)
    if released:
        await fetch(tx, _RELEASE, {"keys": sorted(released)})


async def unlink(tx: AsyncConnection, key: str, customer_id: UUID, unlinked_by: str, now: datetime) -> bool:
    """Removes a link and keeps that it was there; False when the customer does not have the identifier."""
    table = IDENTIFIER
    deleted = await tx.execute(
        delete(table).where(table.c.key == key, table.c.customer_id == customer_id).returning(table)
    )
    row = deleted.one_or_none()
    if row is None:
        return False
    await tx.execute(
        insert(UNLINKED_IDENTIFIER).values(
            key=key, customer_id=customer_id, stated_by=row.stated_by, source=row.source, linked_at=row.linked_at,
            unlinked_by=unlinked_by, unlinked_at=now,
        )
    )  # fmt: skip
    return True


async def is_removed(tx: AsyncConnection, key: str, customer_id: UUID) -> bool:
    """Whether a supervisor removed this identifier from this customer at some time."""
    c = UNLINKED_IDENTIFIER.c
    return bool(await tx.scalar(select(exists().where(c.key == key, c.customer_id == customer_id))))
