"""People: up to which time the changes that the organisation's document says of them were applied, and who is online."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, DateTime, SmallInteger, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import fetch
from routing.store.base import METADATA, upsert

# One row. Who changes it has the timer `review`.
PEOPLE_APPLIED = Table(
    "people_applied",
    METADATA,
    Column("id", SmallInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)


_STATE = text(
    "select (select at from people_applied) as applied_at, "
    "array(select agent_id from agent where presence <> 'offline' order by agent_id) as online"
)


class PeopleState(NamedTuple):
    """Up to which time changes were applied (None: never), and the ids of all who are not offline."""

    applied_at: datetime | None
    online: list[str]


async def state(tx: AsyncConnection) -> PeopleState:
    """Returns the state of people. `online` has also those who are agents no more."""
    (row,) = await fetch(tx, _STATE, {})
    return PeopleState(row.applied_at, list(row.online))


async def set_applied(tx: AsyncConnection, at: datetime) -> None:
    """Records that the changes up to this time were applied."""
    await upsert(tx, PEOPLE_APPLIED, [{"id": 1, "at": at}])
