"""Who is on a case: two people see each other, and what they do; who reports nothing for 20 seconds is gone."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Identity
from antiphon.process.clock import Clock
from case_mgmt import here
from case_mgmt.domain.here import Doing
from tests.support.case_mgmt import AMARA, GRACE, apply, rows, the_case
from tests.support.events import identified

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return lambda: NOW


async def report(
    engine: AsyncEngine, case_id: UUID, who: Identity, doing: Doing, seconds: int = 0
) -> list[str]:
    async with engine.begin() as tx:
        people = await here.report(tx, case_id, who, doing, NOW + timedelta(seconds=seconds))
    return [f"{one.person_id} {one.doing}" for one in people]


async def published(engine: AsyncEngine) -> Sequence[list[str]]:
    """What was published to those who follow the case, in order."""
    found = await rows(engine, "select data from change_log where kind = 'here' order by xid, id")
    return [[f"{one['id']} {one['doing']}" for one in row.data["people"]] for row in found]


async def test_two_people_see_what_each_other_does_and_who_is_silent_is_gone(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    await apply(engine, identified(uuid4()))
    case = (await the_case(engine)).case_id
    path = f"/cases/{case}/here"
    assert (await api.put(path, json={"doing": "reading"})).json()["people"][0]["doing"] == "reading"
    assert await report(engine, case, GRACE, Doing.WRITING) == ["amara reading", "grace writing"]
    seen = (await api.get(path)).json()["people"]
    assert seen[1] == {"id": "grace", "name": "Grace", "doing": "writing"}
    assert await report(engine, case, GRACE, Doing.WRITING, 15) == ["amara reading", "grace writing"]
    assert await report(engine, case, GRACE, Doing.WRITING, 30) == ["grace writing"]
    assert await report(engine, case, GRACE, Doing.GONE, 31) == []
    both = ["amara reading", "grace writing"]
    assert await published(engine) == [["amara reading"], both, ["grace writing"], []]
    assert (await the_case(engine)).revision == 1
    assert (await api.put(f"/cases/{uuid4()}/here", json={"doing": "reading"})).status_code == 404


async def test_of_people_who_come_at_once_each_is_shown_and_old_rows_of_other_cases_go(
    engine: AsyncEngine,
) -> None:
    await apply(engine, identified(uuid4()), identified(uuid4()))
    case, other = [row.case_id for row in await rows(engine, "select case_id from case_file order by number")]
    await report(engine, other, AMARA, Doing.READING, -120)
    crowd = [AMARA._replace(subject=f"agent-{n}") for n in range(8)]
    await asyncio.gather(*(report(engine, case, one, Doing.READING) for one in crowd))
    assert (await published(engine))[-1] == [f"{one.subject} reading" for one in crowd]
    assert await rows(engine, f"select 1 from case_here where case_id = '{other}'") == []
