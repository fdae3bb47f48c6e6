"""Customers over HTTP: links that people make, timelines of one customer, updates."""

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
from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.base import Event
from antiphon.http.changes import ChangeFeed
from antiphon.organisation import document
from antiphon.process.clock import utc_now
from customer_profile import api, store
from customer_profile.actions import interactions
from customer_profile.domain.reading import WordReader
from deploy import keys
from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.events import noted, received, spoken

WORDS = WordReader(0, document.load(EXAMPLE))
Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("customer_profile")


@pytest.fixture
async def ask(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Ask]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    app = api.application(engine, access, ChangeFeed(engine), utc_now, ActiveOrganisation.of_file(EXAMPLE))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:

        async def send(
            verb: str,
            path: str,
            *,
            role: Role = Role.AGENT,
            headers: dict[str, str] | None = None,
            **request: Any,
        ) -> httpx.Response:
            token = keys.token(tmp_path, role=role, name="bruno", now=utc_now())
            return await http.request(
                verb, path, headers={"Authorization": f"Bearer {token}"} | (headers or {}), **request
            )

        yield send


async def identify(engine: AsyncEngine, *events: Event) -> None:
    async with engine.begin() as tx:
        await interactions.identify(tx, received(events), WORDS, utc_now())


async def owner(engine: AsyncEngine, key: str) -> UUID | None:
    async with engine.connect() as connection:
        return (await store.identifiers.owners(connection, [key])).get(key)


async def test_an_agent_links_an_identifier_and_a_supervisor_removes_it(
    engine: AsyncEngine, ask: Ask
) -> None:
    await identify(engine, spoken("email:jo@mail.example"), spoken("email:ann@mail.example"))
    jo, ann = await owner(engine, "email:jo@mail.example"), await owner(engine, "email:ann@mail.example")
    phone = {"kind": "phone", "value": "(02) 5550 1234"}
    linked = await ask("POST", f"/customers/{jo}/identifiers", json=phone)
    assert linked.status_code == 201
    assert {i["value"]: i["stated_by"] for i in linked.json()["identifiers"]}["+61255501234"] == "agent"
    again = await ask("POST", f"/customers/{jo}/identifiers", json=phone)
    assert again.json()["revision"] == linked.json()["revision"]
    taken = await ask("POST", f"/customers/{ann}/identifiers", json=phone)
    assert (taken.status_code, taken.json()["customer_id"]) == (409, str(jo))
    await identify(engine, spoken("phone:+61255501234"))
    seen = (await ask("GET", f"/customers/{jo}")).json()
    assert seen["interactions"] == 2
    path = f"/customers/{jo}/identifiers/phone:+61255501234"
    assert (await ask("DELETE", path)).status_code == 403
    removed = await ask("DELETE", path, role=Role.SUPERVISOR)
    assert [i["value"] for i in removed.json()["identifiers"]] == ["jo@mail.example"]
    assert await owner(engine, "phone:+61255501234") is None


async def test_an_agent_and_a_note_that_link_one_identifier_at_once_never_deadlock(
    engine: AsyncEngine, ask: Ask
) -> None:
    await identify(engine, spoken("email:jo@mail.example"))
    jo = await owner(engine, "email:jo@mail.example")
    for number in range(10):
        answer, _ = await asyncio.gather(
            ask("POST", f"/customers/{jo}/identifiers", json={"kind": "account", "value": f"R-{number}"}),
            identify(engine, noted("email:jo@mail.example", also=[f"account:R-{number}"])),
        )
        assert answer.status_code == 201
        assert await owner(engine, f"account:R-{number}") == jo


async def test_a_timeline_pages_through_the_interactions_of_one_customer_only(
    engine: AsyncEngine, ask: Ask
) -> None:
    names = ["jo", "ann", "kim"]
    await identify(
        engine, *(spoken(f"email:{names[n % 3]}@mail.example", text=f"{names[n % 3]} {n}") for n in range(30))
    )
    for name in names:
        customer = await owner(engine, f"email:{name}@mail.example")
        texts: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
            page = (await ask("GET", f"/customers/{customer}/timeline", params=params)).json()
            texts += [item["text"] for item in page["items"]]
            cursor = page["next"]
        assert sorted(texts) == sorted(f"{name} {n}" for n in range(30) if names[n % 3] == name)


async def test_an_update_needs_the_current_etag_and_no_channel_overwrites_the_name(
    engine: AsyncEngine, ask: Ask
) -> None:
    await identify(engine, spoken("email:jo@mail.example", name="J."))
    path = f"/customers/{await owner(engine, 'email:jo@mail.example')}"
    tag = (await ask("GET", path)).headers["ETag"]
    update = {"name": "Jo Carver"}
    assert (await ask("PATCH", path, json=update)).status_code == 428
    assert (await ask("PATCH", path, json=update, headers={"If-Match": '"99"'})).status_code == 412
    assert (await ask("PATCH", path, json=update, headers={"If-Match": tag})).status_code == 200
    await identify(engine, spoken("email:jo@mail.example", name="Somebody"))
    assert (await ask("GET", path)).json()["name"] == "Jo Carver"


async def test_null_clears_a_name_and_labels_have_no_repeats(engine: AsyncEngine, ask: Ask) -> None:
    await identify(engine, spoken("email:jo@mail.example", name="J."))
    path, any_state = f"/customers/{await owner(engine, 'email:jo@mail.example')}", {"If-Match": "*"}
    labelled = await ask("PATCH", path, json={"labels": ["b", "a", "a", "b "]}, headers=any_state)
    assert (labelled.json()["labels"], labelled.json()["name"]) == (["b", "a"], "J.")
    cleared = await ask("PATCH", path, json={"name": None}, headers=any_state)
    assert (cleared.json()["labels"], cleared.json()["name"]) == (["b", "a"], None)
    assert (await ask("PATCH", path, json={"labels": None}, headers=any_state)).status_code == 422
    await identify(engine, spoken("email:jo@mail.example", name="Jo"))
    assert (await ask("GET", path)).json()["name"] == "Jo"


async def test_customers_are_listed_by_identifier_and_by_the_beginning_of_the_name(
    engine: AsyncEngine, ask: Ask
) -> None:
    names = ["Jo Carver", "Jo Cole", "Ann Jones", "Jo_x"]
    await identify(engine, *(spoken(f"phone:+6125550123{n}", name=name) for n, name in enumerate(names)))

    async def listed(**params: str) -> list[str]:
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await ask("GET", "/customers", params={"limit": "1"} | params | {"cursor": cursor})
            found += [item["name"] for item in page.json()["items"]]
            cursor = page.json()["next"]
        return found

    assert await listed() == sorted(names)
    assert await listed(name="JO ") == ["Jo Carver", "Jo Cole"]
    assert await listed(name="jo_") == ["Jo_x"]
    assert await listed(name="jo") == ["Ann Jones", "Jo Carver", "Jo Cole", "Jo_x"]
    assert await listed(name="Carv") == ["Jo Carver"]
    assert await listed(name="arver") == []
    async with engine.begin() as tx:
        await tx.execute(text("update customer set name = 'Jo Anna  Novak' where name = 'Jo Carver'"))
    assert await listed(name="carv") == []
    assert await listed(name="anna nov") == ["Jo Anna  Novak"]
    assert await listed(identifier="phone:(02) 5550 1232") == ["Ann Jones"]
    assert await listed(identifier="partner:crm/7") == []


@pytest.mark.parametrize(
    ("identifier", "lacks"),
    [
        ("jo", "needs its kind"),
        ("ada@mail.example", "needs its kind"),
        ("fax:1", "needs its kind"),
        ("email:nobody", "is not a valid email: 'nobody'"),
        ("handle:", "is not a valid handle: ''"),
        ("partner:" + "x" * 501, "is not a valid partner"),
    ],
)
async def test_an_identifier_that_no_customer_can_have_is_answered_with_what_it_lacks(
    ask: Ask, identifier: str, lacks: str
) -> None:
    answer = await ask("GET", "/customers", params={"identifier": identifier})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == "identifier"
    assert lacks in error["detail"]


async def test_several_customers_are_read_by_their_ids_at_once(engine: AsyncEngine, ask: Ask) -> None:
    names = ("jo", "ann", "kim")
    await identify(engine, *(spoken(f"email:{name}@mail.example", name=name) for name in names))
    jo, _, kim = [await owner(engine, f"email:{name}@mail.example") for name in names]
    listed = await ask("GET", "/customers", params={"customer_id": [str(kim), str(jo), str(UUID(int=1))]})
    assert [one["name"] for one in listed.json()["items"]] == ["jo", "kim"]
    too_many = await ask("GET", "/customers", params={"customer_id": [str(UUID(int=n)) for n in range(101)]})
    assert too_many.status_code == 422
