"""What the database has of the interactions and identifiers that a batch names."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import fetch

# `in (select unnest())`, not `= any()`: a plan that was kept since the table was small reads all of it for as long as the statistics
# are old, and then compares each row with each key.
_EXISTING = text(
    """
    select 'interaction' as kind, null as key, interaction_id, customer_id, account from interaction
    where interaction_id in (select unnest(:ids))
    union all select 'owner', key, null, customer_id, null from identifier
    where key in (select unnest(:keys))
    union all select 'removed', key, null, customer_id, null from unlinked_identifier
    where key in (select unnest(:keys))
    """
).bindparams(
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("keys", type_=ARRAY(TEXT)),
)


class Origin(NamedTuple):
    """Which customer an interaction is from, and to which of our accounts it came."""

    customer_id: UUID
    account: str


class Existing(NamedTuple):
    """Where interactions came from, who owns identifiers, and from which customers a supervisor removed them."""

    origins: dict[UUID, Origin]
    owners: dict[str, UUID]
    removed: dict[str, set[UUID]]


async def existing(tx: AsyncConnection, interaction_ids: Sequence[UUID], keys: Sequence[str]) -> Existing:
    """What the database has of these interactions and identifiers; unknown ones are absent."""
    result = Existing({}, {}, {})
    for row in await fetch(tx, _EXISTING, {"ids": list(interaction_ids), "keys": list(keys)}):
        match row.kind:
            case "interaction":
                result.origins[row.interaction_id] = Origin(row.customer_id, row.account)
            case "owner":
                result.owners[row.key] = row.customer_id
            case _:
                result.removed.setdefault(row.key, set()).add(row.customer_id)
    return result
