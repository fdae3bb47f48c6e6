"""One record for each customer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Computed,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.customers import CustomerRecord, LinkedIdentifier
from antiphon.http.pages import ChangeOrder, Export
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import XID8
from antiphon.postgres.query import AnyRow, fetch
from antiphon.postgres.writes import insert_rows
from customer_profile.store.base import METADATA
from customer_profile.store.identifiers import IDENTIFIER

CUSTOMER = Table(
    "customer",
    METADATA,
    Column("customer_id", Uuid, primary_key=True),
    Column("name", Text),
    # Ordered by bytes, so that the beginning of a name is a range of the index.
    Column(
        "folded_name",
        Text(collation="C"),
        Computed("coalesce(lower(name), '')", persisted=True),
        nullable=False,
    ),
    Column("name_source", Text),
    Column("labels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("interactions", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("changed_xid", XID8, nullable=False, server_default=func.pg_current_xact_id()),
    Index("customer_folded_name_ix", "folded_name", "customer_id"),
    Index("customer_changed_xid_ix", "changed_xid", "customer_id"),
    info=personal(
        by={"customer_id": ["name", "folded_name", "labels"]},
        none=["changed_xid"],
        staff=["name_source"],
    ),
)

# A trigger writes it: of `ilse maria novak` it has `maria novak` and `novak`, and of a longer name the first five.
NAME_PART = Table(
    "customer_name_part",
    METADATA,
    Column("part", Text(collation="C"), primary_key=True),
    Column("customer_id", Uuid, primary_key=True),
    Index("customer_name_part_customer_id_ix", "customer_id"),
    info=personal(by={"customer_id": ["part"]}),
)

View = TypeVar("View")

_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_LOCK = text(
    "select customer_id from customer where customer_id in (select unnest(:ids)) order by customer_id for update"
).bindparams(_IDS)
_IDENTIFIERS = """(
        select json_agg(json_build_object('kind', kind, 'value', value, 'stated_by', stated_by, 'source', source,
                                          'linked_at', linked_at) order by linked_at, key)
        from identifier i where i.customer_id = {customer}.customer_id
    ) as identifiers"""
_COLUMNS = "customer_id, name, labels, since, interactions, revision"
_READ = text(
    f"select {_COLUMNS}, {_IDENTIFIERS.format(customer='c')} from customer c where customer_id = any(:ids)"
).bindparams(_IDS)


class Customer(NamedTuple):
    """A customer's record, and how many interactions are from them."""

    record: CustomerRecord
    interactions: int


class NewInteractions(NamedTuple):
    """How many interactions are new from a customer, and the name that one of them states.

    `since` is when the customer became one, should they be new.
    """

    customer_id: UUID
    since: datetime
    interactions: int
    name: str | None
    name_source: str | None


async def lock(tx: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Locks customers in the order of ids. Events about them are then written in the order of commits."""
    await tx.execute(_LOCK, {"ids": sorted(ids)})


async def count_interactions(
    tx: AsyncConnection, counts: Sequence[NewInteractions]
) -> tuple[dict[UUID, Customer], set[UUID]]:
    """Adds to the counts of customers, and adds customers who are not there. A customer without a name gets the name.

    Returns the customers as they are afterwards, and the ids of those who got their name. They are locked in the order of
    `counts`, which must be the order of ids: then events about them are written in the order of commits, and two batches
    never deadlock.
    """
    rows = await insert_rows(
        tx, CUSTOMER, [count._asdict() for count in counts],
        then="on conflict (customer_id) do update set interactions = customer.interactions + excluded.interactions, "
        "revision = customer.revision + 1, name = coalesce(customer.name, excluded.name), name_source = case "
        "when customer.name is null and excluded.name is not null then excluded.name_source "
        f"else customer.name_source end returning {_COLUMNS}, name_source, {_IDENTIFIERS.format(customer='customer')}",
    )  # fmt: skip
    sources = {count.customer_id: count.name_source for count in counts}
    named = {
        row.customer_id for row in rows if row.name_source and row.name_source == sources[row.customer_id]
    }
    return {row.customer_id: _customer(row) for row in rows}, named


async def read(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """Customers with their identifiers; unknown ids are absent."""
    if not ids:
        return {}
    return {row.customer_id: _customer(row) for row in await fetch(tx, _READ, {"ids": list(ids)})}


async def page(
    connection: AsyncConnection, limit: int, *, ids: Sequence[UUID] | None, key: str | None, name: str | None,
    after: tuple[str, UUID] | None,
) -> Sequence[AnyRow]:  # fmt: skip
    """The ids and folded names of customers in the order of names, from after the customer `after`.

    `ids` are the customers among whom they are, `key` is an identifier that they have, `name` how their name begins, or a later word of it.
    """
    c = CUSTOMER.c
    query = select(c.customer_id, c.folded_name).order_by(c.folded_name, c.customer_id)
    if ids is not None:
        query = query.where(c.customer_id.in_(ids))
    if key:
        query = query.join(IDENTIFIER, IDENTIFIER.c.customer_id == c.customer_id).where(
            IDENTIFIER.c.key == key
        )
    if name:
        query = query.where(
            c.customer_id.in_(
                union(
                    select(c.customer_id).where(_begins(c.folded_name, name.lower())),
                    select(NAME_PART.c.customer_id).where(_begins(NAME_PART.c.part, name.lower())),
                )
            )
        )
    if after:
        query = query.where(tuple_(c.folded_name, c.customer_id) > after)
    return (await connection.execute(query.limit(limit))).all()


def _begins(column: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    """Whether a text that is ordered by bytes begins so: a range of its index, whatever the beginning."""
    return and_(column >= beginning, column < beginning + "\U0010ffff")


EXPORT = ChangeOrder(CUSTOMER.c.changed_xid, CUSTOMER.c.customer_id)


async def export(
    connection: AsyncConnection, cursor: str | None, limit: int, view: Callable[[Customer], View]
) -> Export[View]:
    """A part of the export of all customers, as views. Raises Problem 400 and 410 for a wrong cursor."""
    ids = await EXPORT.part(
        connection, select(CUSTOMER.c.customer_id), cursor, limit, lambda row: UUID(str(row.customer_id))
    )
    found = await read(connection, ids.items)
    return Export(items=[view(found[each]) for each in ids.items], next=ids.next, more=ids.more)


async def change(tx: AsyncConnection, customer_id: UUID, values: Mapping[str, object] | None = None) -> None:
    """Gives columns of a customer new values, if any, and raises the revision."""
    await tx.execute(
        update(CUSTOMER)
        .where(CUSTOMER.c.customer_id == customer_id)
        .values(**(values or {}), revision=CUSTOMER.c.revision + 1)
    )


def _customer(row: AnyRow) -> Customer:
    record = CustomerRecord(
        customer_id=row.customer_id,
        name=row.name,
        labels=row.labels,
        identifiers=[LinkedIdentifier.model_validate(identifier) for identifier in row.identifiers or []],
        since=row.since,
        revision=row.revision,
    )
    return Customer(record, row.interactions)
