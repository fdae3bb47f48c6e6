"""Reporting who reads a case and who writes on it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.http.problems import not_found
from case_mgmt import store
from case_mgmt.domain.here import TTL, Doing, PersonHere, present, reported


async def read(tx: AsyncConnection, case_id: UUID, now: datetime) -> list[PersonHere]:
    """Who is on a case now. Raises Problem 404."""
    return present(await _stored(tx, case_id), now)


async def report(
    tx: AsyncConnection, case_id: UUID, who: Identity, doing: Doing, now: datetime
) -> Sequence[PersonHere]:
    """Notes what a person does on a case for 20 seconds, publishes it as a live change, and returns who is there.

    A repetition within 5 seconds writes nothing, and one that changes nothing for others is not published. Raises Problem 404.
    """
    me = PersonHere(who.subject, who.name, doing, now + TTL)
    here = reported(await _stored(tx, case_id), me, now)
    if not here.is_written:
        return here.people
    await store.here.lock(tx, case_id)
    here = reported(await _stored(tx, case_id), me, now)
    await store.here.put(tx, case_id, here.people, who.subject)
    if here.is_shown:
        people = [{"id": one.person_id, "name": one.name, "doing": one.doing} for one in here.people]
        await changes.record(tx, [Change("here", str(case_id), [f"case:{case_id}"], {"people": people})])
    await store.here.forget(tx, now)
    return here.people


async def _stored(tx: AsyncConnection, case_id: UUID) -> list[PersonHere]:
    stored = await store.here.of_case(tx, case_id)
    if stored is None:
        raise not_found("case")
    return stored
