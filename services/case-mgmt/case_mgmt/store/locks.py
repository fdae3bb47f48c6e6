"""Locks on what has no row to lock: the customers and the addresses of a batch."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import fetch

# Both lock in the order of the keys, so that two batches never wait for each other.
_CUSTOMERS = text(
    "select count(pg_advisory_xact_lock(hashtextextended('customer:' || c.id, 0))) "
    "from (select id from unnest(:ids) as u (id) order by id) c"
).bindparams(bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))))
_RECIPIENTS = text(
    "select count(pg_advisory_xact_lock(hashtextextended('acknowledged:' || r.key, 0))) "
    "from (select key from unnest(:keys) as u (key) order by key) r"
).bindparams(bindparam("keys", type_=ARRAY(TEXT)))


async def lock_customers(tx: AsyncConnection, customer_ids: Sequence[UUID]) -> None:
    """Locks the threading of these customers' interactions until the transaction ends.

    A case that does not exist yet has no row to lock: without this lock, two replicas could each open one.
    """
    if customer_ids:
        await fetch(tx, _CUSTOMERS, {"ids": list(customer_ids)})


async def lock_recipients(tx: AsyncConnection, keys: Sequence[str]) -> None:
    """Locks the acknowledgements to these addresses (keys of identifiers) until the transaction ends.

    It is the last lock that a batch takes: a batch that has it waits for no other.
    """
    if keys:
        await fetch(tx, _RECIPIENTS, {"keys": list(keys)})
