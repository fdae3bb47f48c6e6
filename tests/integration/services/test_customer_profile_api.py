"""The customer's record over HTTP: links that people make, timelines that show one customer alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.contracts.base import Event
from antiphon.contracts.interactions import Identifier, StatedBy
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.organisation import document
from antiphon.postgres import migrations
from antiphon.process.clock import utc_now
from customer_profile import actions, api, store
from customer_profile.domain import Link, WordReader
from deploy import keys
from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.events import noted, received, spoken

WORDS = WordReader(document.load(EXAMPLE))
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("customer_profile")


@pytest.fixture
async def ask(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Ask]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = create_app(
        title="t",
        service="customer-profile",
        description="t",
        engine=engine,
        access=access,
        package="customer_profile",
    )
    app.include_router(api.router(engine, ChangeFeed(engine), utc_now, region="AU"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:

        async def request(
            verb: str,
            path: str,
            *,
            role: Role = Role.AGENT,
            headers: dict[str, str] | None = None,
            **given: Any,
        ) -> httpx.Response:
            token = keys.token(tmp_path, role=role, name="bruno", now=utc_now())
            return await http.request(
                verb, path, headers={"Authorization": f"Bearer {token}"} | (headers or {}), **given
            )

        yield request


async def hear(engine: AsyncEngine, *events: Event) -> None:
    async with engine.begin() as tx:
        await actions.identify(tx, received(events), WORDS, utc_now())


async def owner(engine: AsyncEngine, key: str) -> UUID | None:
    async with engine.connect() as connection:
        return (await store.owners(connection, [key])).get(key)


def link(customer_id: UUID, key: str) -> Link:
    kind, _, value = key.partition(":")
    identifier = Identifier(kind=kind, value=value)
    return Link(key, identifier, customer_id, StatedBy.AGENT, "person:amara")


async def test_an_agent_links_an_identifier_and_a_supervisor_takes_it_back(
    engine: AsyncEngine, ask: Ask
) -> None:
    await hear(engine, spoken("email:jo@mail.example"), spoken("email:ann@mail.example"))
    jo, ann = await owner(engine, "email:jo@mail.example"), await owner(engine, "email:ann@mail.example")
    given = {"kind": "phone", "value": "(02) 5550 1234"}
    linked = await ask("POST", f"/customers/{jo}/identifiers", json=given)
    assert linked.status_code == 201
    assert {i["value"]: i["stated_by"] for i in linked.json()["identifiers"]}["+61255501234"] == "agent"
    again = await ask("POST", f"/customers/{jo}/identifiers", json=given)
    assert again.json()["revision"] == linked.json()["revision"]
    taken = await ask("POST", f"/customers/{ann}/identifiers", json=given)
    assert (taken.status_code, taken.json()["customer_id"]) == (409, str(jo))
    await hear(engine, spoken("phone:+61255501234"))
    seen = (await ask("GET", f"/customers/{jo}")).json()
    assert seen["interactions"] == 2
    path = f"/customers/{jo}/identifiers/phone:+61255501234"
    assert (await ask("DELETE", path)).status_code == 403
    gone = await ask("DELETE", path, role=Role.SUPERVISOR)
    assert [i["value"] for i in gone.json()["identifiers"]] == ["jo@mail.example"]
    assert await owner(engine, "phone:+61255501234") is None


async def test_a_handle_that_a_message_once_linked_is_nobodys_and_may_be_linked_to_anybody(
    engine: AsyncEngine, ask: Ask
) -> None:
    await hear(engine, spoken("did:did:plc:jo"), spoken("did:did:plc:ann"))
    jo, ann = await owner(engine, "did:did:plc:jo"), await owner(engine, "did:did:plc:ann")
    assert jo is not None
    assert ann is not None
    earlier = (
        "insert into identifier (key, kind, value, customer_id, stated_by, source, linked_at) select "
        f"'handle:' || value, 'handle', value, '{jo}', stated_by, 'test', now() from (values "
        "('bluesky/jo.example', 'channel'), ('bluesky/ann.example', 'customer'), ('bluesky/known.example', 'agent')"
        ") as given(value, stated_by)"
    )
    async with engine.begin() as tx:
        # As the tables were before the revision, which changes rows only.
        await tx.execute(text(earlier))
        await tx.execute(text("update alembic_version set version_num = '0004'"))
    url = engine.url.render_as_string(hide_password=False)
    await migrations.upgrade(url, "customer_profile", "0005")
    seen = (await ask("GET", f"/customers/{jo}")).json()
    assert {i["value"] for i in seen["identifiers"]} == {"did:plc:jo", "bluesky/known.example"}
    async with engine.begin() as tx:
        links = [link(jo, "handle:bluesky/jo.example"), link(ann, "handle:bluesky/ann.example")]
        claimed = await store.claim_identifiers(tx, links, utc_now())
        owned = await store.owners(tx, [*claimed, "handle:bluesky/known.example"])
        assert owned == {
            "handle:bluesky/jo.example": jo, "handle:bluesky/ann.example": ann, "handle:bluesky/known.example": jo,
        }  # fmt: skip
        assert not await store.is_removed(tx, "handle:bluesky/jo.example", jo)
        kept = await tx.execute(text("select key, customer_id, unlinked_by from unlinked_identifier"))
        assert {tuple(row) for row in kept} == {
            ("handle:bluesky/jo.example", jo, "system"),
            ("handle:bluesky/ann.example", jo, "system"),
        }


async def test_a_person_and_a_message_that_link_the_same_at_once_never_deadlock(
    engine: AsyncEngine, ask: Ask
) -> None:
    await hear(engine, spoken("email:jo@mail.example"))
    jo = await owner(engine, "email:jo@mail.example")
    for number in range(10):
        answer, _ = await asyncio.gather(
            ask("POST", f"/customers/{jo}/identifiers", json={"kind": "account", "value": f"R-{number}"}),
            hear(engine, noted("email:jo@mail.example", also=[f"account:R-{number}"])),
        )
        assert answer.status_code == 201
        assert await owner(engine, f"account:R-{number}") == jo


async def test_a_timeline_pages_through_one_customers_own_and_nothing_else(
    engine: AsyncEngine, ask: Ask
) -> None:
    names = ["jo", "ann", "kim"]
    await hear(
        engine, *(spoken(f"email:{names[n % 3]}@mail.example", text=f"{names[n % 3]} {n}") for n in range(30))
    )
    for name in names:
        customer = await owner(engine, f"email:{name}@mail.example")
        said: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
            page = (await ask("GET", f"/customers/{customer}/timeline", params=params)).json()
            said += [item["text"] for item in page["items"]]
            cursor = page["next"]
        assert sorted(said) == sorted(f"{name} {n}" for n in range(30) if names[n % 3] == name)


async def test_a_change_needs_the_revision_that_was_seen_and_channels_do_not_overwrite_it(
    engine: AsyncEngine, ask: Ask
) -> None:
    await hear(engine, spoken("email:jo@mail.example", name="J."))
    path = f"/customers/{await owner(engine, 'email:jo@mail.example')}"
    tag = (await ask("GET", path)).headers["ETag"]
    given = {"name": "Jo Carver"}
    assert (await ask("PATCH", path, json=given)).status_code == 428
    assert (await ask("PATCH", path, json=given, headers={"If-Match": '"99"'})).status_code == 412
    assert (await ask("PATCH", path, json=given, headers={"If-Match": tag})).status_code == 200
    await hear(engine, spoken("email:jo@mail.example", name="Somebody"))
    assert (await ask("GET", path)).json()["name"] == "Jo Carver"
