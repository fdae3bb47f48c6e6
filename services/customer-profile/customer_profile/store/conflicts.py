"""Identifiers that one customer's interaction stated and that are another customer's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import insert_rows
from customer_profile.domain.identification import Conflict
from customer_profile.store.base import METADATA

CONFLICT = Table(
    "identifier_conflict",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("other_customer_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("detected_at", DateTime(timezone=True), nullable=False),
    Index("identifier_conflict_once_key", "key", "customer_id", "other_customer_id", unique=True),
    Index("identifier_conflict_customer_id_ix", "customer_id", "id"),
    Index("identifier_conflict_other_customer_id_ix", "other_customer_id", "id"),
    info=personal(
        by={"customer_id or other_customer_id": ["key"]},
        none=["source"],
    ),
)


async def add(tx: AsyncConnection, conflicts: Sequence[Conflict], now: datetime) -> None:
    """Adds conflicts; one that is there stays as it is."""
    rows = [
        {
            "key": conflict.identifier.key,
            "customer_id": conflict.customer_id,
            "other_customer_id": conflict.other_customer_id,
            "source": conflict.source,
            "detected_at": now,
        }
        for conflict in conflicts
    ]
    await insert_rows(tx, CONFLICT, rows, then="on conflict do nothing")


async def page(
    connection: AsyncConnection, limit: int, *, of: UUID | None = None, after: int = 0, newest: bool = False
) -> Sequence[AnyRow]:
    """Conflicts with the names of both customers: the newest first when `newest`, else by id, from after `after`.

    `of` is a customer who is one of the two sides.
    """
    order = "desc" if newest else "asc"
    sides = ["c.customer_id = :of", "c.other_customer_id = :of"] if of else ["true"]
    # One read for each side, each in the order of its index: `or` would read and sort all conflicts of a customer.
    selected = " union all ".join(
        f"(select * from identifier_conflict c where c.id > :after and {side} order by c.id {order} limit :n)"
        for side in sides
    )
    statement = text(
        "select s.id, s.key as identifier, s.customer_id, a.name as customer_name, s.other_customer_id, "
        f"b.name as other_customer_name, s.source, s.detected_at from ({selected}) s join customer a using (customer_id) "
        f"join customer b on b.customer_id = s.other_customer_id order by s.id {order} limit :n"
    ).bindparams(bindparam("after", type_=BigInteger), bindparam("n", type_=Integer))
    bound = {"after": after, "n": limit} | ({"of": of} if of else {})
    return (await connection.execute(statement, bound)).all()
