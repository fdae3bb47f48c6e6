"""Who is on a case now. The table is not in the log of the database: after a crash it is empty, and people report it again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch
from case_mgmt.domain.here import PersonHere
from case_mgmt.store.base import METADATA

HERE = Table(
    "case_here",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("name", Text),
    Column("doing", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Index("case_here_until_ix", "until"),
    prefixes=["unlogged"],
    info=personal(none=["doing"], staff=["person_id", "name"]),
)

# Rows of cases on which nobody reports any more are deleted when a person reports on another case.
_FORGOTTEN_AFTER = timedelta(minutes=1)
_FORGOTTEN_AT_ONCE = 20
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('here:' || cast(:case_id as uuid), 0))")
_OF_CASE = text(
    "select f.case_id, h.person_id, h.name, h.doing, h.until from case_file f left join case_here h using (case_id) "
    "where f.case_id = :case_id"
)
_PUT = text(
    "insert into case_here (case_id, person_id, name, doing, until) values (:case_id, :person_id, :name, :doing, :until) "
    "on conflict (case_id, person_id) do update set name = excluded.name, doing = excluded.doing, until = excluded.until"
)
_DELETE_OTHERS = text("delete from case_here where case_id = :case_id and person_id <> all(:people)")
_FORGET = text(
    f"""
    delete from case_here where ctid = any (array(
        select ctid from case_here where until < :before order by until limit {_FORGOTTEN_AT_ONCE} for update skip locked
    ))
    """
)


async def lock(tx: AsyncConnection, case_id: UUID) -> None:
    """Lets one transaction at a time change who is on a case, so that each sees what the one before wrote."""
    await fetch(tx, _LOCK, {"case_id": case_id})


async def of_case(tx: AsyncConnection, case_id: UUID) -> list[PersonHere] | None:
    """Who was on a case when they last reported it, however long ago; None if there is no such case."""
    rows = (await tx.execute(_OF_CASE, {"case_id": case_id})).all()
    people = [
        PersonHere(row.person_id, row.name, row.doing, row.until) for row in rows if row.person_id is not None
    ]
    return people if rows else None


async def put(tx: AsyncConnection, case_id: UUID, people: Sequence[PersonHere], me: str) -> None:
    """Writes who is on a case: the row of `me`, if they are among them, and nobody but them."""
    for one in people:
        if one.person_id == me:
            await fetch(tx, _PUT, {"case_id": case_id, **vars(one)})
    await fetch(tx, _DELETE_OTHERS, {"case_id": case_id, "people": [one.person_id for one in people]})


async def forget(tx: AsyncConnection, now: datetime) -> None:
    """Deletes some rows whose time passed a minute ago, of any case; those that another transaction has are skipped."""
    await fetch(tx, _FORGET, {"before": now - _FORGOTTEN_AFTER})
