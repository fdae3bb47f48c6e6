"""Dead letters and parked events of a service are listed and replayed by its API."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.permissions import Guarded
from antiphon.kafka import dead_letters, outbox, parked_events
from antiphon.kafka.dead_letters import Record
from antiphon.postgres.query import driver_of
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.site import Site
from tests.conftest import NewDatabase
from tests.support.consuming import customers, outgoing, scalar


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("routing")


@pytest.fixture
async def api(engine: AsyncEngine, site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """The API, asked by operations."""
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(site.secrets)))
    app = create_app(title="t", service="t", description="t", engine=engine, access=access, package="routing")
    routes = APIRouter(route_class=Guarded)
    failed_events.add(routes, engine)
    app.include_router(routes)
    token = keys.token(site.secrets, role=Role.OPERATIONS, name="olga", now=utc_now())
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    ) as client:
        yield client


async def pages(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """All items of a list, two a page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = (await api.get(path, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


async def test_dead_letters_are_listed_without_their_data_and_asked_to_be_replayed(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    letters = [
        (Record("cases", 0, offset, b"key", b"a secret", (("ce_id", b"e-%d" % offset),)), f"reason {offset}")
        for offset in range(5)
    ]
    async with engine.begin() as tx:
        await dead_letters.keep(tx, letters, utc_now())
    listed = await pages(api, "/dead-letters")
    assert [(one["event_id"], one["reason"]) for one in listed] == [
        (f"e-{n}", f"reason {n}") for n in range(5)
    ]
    assert "secret" not in str(listed)
    second, third = listed[1]["dead_letter_id"], listed[2]["dead_letter_id"]
    asked = await api.post(f"/dead-letters/{second}/replay")
    assert (asked.status_code, asked.json()["dead_letter_id"]) == (202, second)
    assert asked.json()["replay_requested_at"]
    async with engine.begin() as tx:
        ((letter, record),) = await dead_letters.requested(tx, ["cases"])
        assert (letter, record.offset) == (second, 1)
        await dead_letters.replayed(tx, letter, utc_now())
    assert [one["event_id"] for one in await pages(api, "/dead-letters")] == ["e-0", "e-2", "e-3", "e-4"]
    assert (await api.post(f"/dead-letters/{second}/replay")).status_code == 404
    assert (await api.post(f"/dead-letters/{third + 1000}/replay")).status_code == 404
    assert await scalar(engine, "select count(*) from dead_letter where replay_requested_at is not null") == 0


async def test_parked_events_are_listed_without_their_data_and_sent_again(
    engine: AsyncEngine, api: httpx.AsyncClient
) -> None:
    async with engine.begin() as tx:
        await outbox.publish(tx, outgoing("customers", customers(["Ada", "Bo", "Cy"])))
    async with engine.begin() as tx:
        ids = [row.id for row in await tx.execute(text("select id from outbox order by id"))]
        await parked_events.park(driver_of(tx), dict.fromkeys(ids, "Kafka refused it"))
    listed = await pages(api, "/parked-events")
    assert [(one["topic"], one["reason"]) for one in listed] == [("customers", "Kafka refused it")] * 3
    assert "Ada" not in str(listed)
    first = listed[0]["parked_event_id"]
    sent = await api.post(f"/parked-events/{first}/replay")
    assert (sent.status_code, sent.json()) == (202, listed[0])
    assert await pages(api, "/parked-events") == listed[1:]
    assert await scalar(engine, "select count(*) from outbox") == 1
    assert (await api.post(f"/parked-events/{first}/replay")).status_code == 404


@pytest.mark.parametrize("path", ["/dead-letters", "/parked-events"])
@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "Wy0xXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0"])
async def test_a_cursor_that_is_none_is_400(api: httpx.AsyncClient, path: str, cursor: str) -> None:
    assert (await api.get(path, params={"cursor": cursor})).status_code == 400
