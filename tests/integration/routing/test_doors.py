"""What agents and supervisors do by HTTP: who may, what is answered, and what a refusal says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.http.changes import ChangeFeed
from deploy import keys
from routing import api
from tests.conftest import NewDatabase
from tests.support.roles import ROLES
from tests.support.routing.configured import AgentPool, agent, queue, section
from tests.support.routing.harness import opened

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(queue("planning", may_pick=True), queue("rates", may_decline=False))
    return made


@pytest.fixture
async def ask(pool: AgentPool, tmp_path: Path) -> AsyncIterator[Ask]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(tmp_path)))
    feed = ChangeFeed(pool.engine)
    app = api.application(pool.engine, access, feed, lambda: pool.now, pool.configurations)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:

        async def request(
            who: str, verb: str, path: str, role: Role = Role.AGENT, **given: Any
        ) -> httpx.Response:
            token = keys.token(tmp_path, role=role, name=who, now=pool.now)
            return await http.request(verb, path, headers={"Authorization": f"Bearer {token}"}, **given)

        yield request


async def test_an_agent_asks_for_the_next_until_nothing_waits_and_picks_where_they_may(
    pool: AgentPool, ask: Ask
) -> None:
    await pool.apply(
        opened(1, pool.now, waited=9), opened(2, pool.now), opened(3, pool.now, department="rates")
    )
    assert (await ask("farid", "POST", "/agents/me/next")).status_code == 409
    assert (await ask("farid", "PUT", "/agents/me/presence", json={"presence": "busy"})).status_code == 200
    got = await ask("farid", "POST", "/agents/me/next")
    assert (got.status_code, got.json()["case_reference"], got.json()["state"]) == (200, "C-1", "accepted")
    assert got.json()["units"] == 1
    works = await pool.works()
    picked = await ask("farid", "POST", f"/work/{works['C-2'].work_item_id}/pick")
    assert (picked.status_code, picked.json()["agent_id"]) == (200, "farid")
    again = await ask("farid", "POST", f"/work/{works['C-2'].work_item_id}/pick")
    assert (again.status_code, again.json()["agent_id"]) == (409, "farid")
    assert (await ask("farid", "POST", f"/work/{works['C-3'].work_item_id}/pick")).status_code == 404
    nothing = await ask("farid", "POST", "/agents/me/next")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert (await ask("nobody", "POST", "/agents/me/next")).status_code == 403


async def test_a_supervisor_assigns_reprioritises_and_takes_back(pool: AgentPool, ask: Ask) -> None:
    await pool.apply(opened(1, pool.now))
    at = f"/work/{(await pool.works())['C-1'].work_item_id}"
    boss = Role.SUPERVISOR
    assert (await ask("farid", "PUT", "/agents/me/presence", json={"presence": "away"})).status_code == 200
    for verb, path, given in (
        ("POST", f"{at}/assign", {"agent_id": "farid"}),
        ("POST", f"{at}/take-back", {"reason": "a holiday"}),
        ("PATCH", at, {"priority": 3}),
    ):
        assert (await ask("farid", verb, path, json=given)).status_code == 403
    unknown = await ask("sam", "POST", f"{at}/assign", boss, json={"agent_id": "farida"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/agent_id")
    given = await ask(
        "sam", "POST", f"{at}/assign", boss, json={"agent_id": "farid", "reason": "he knows her"}
    )
    assert (given.json()["state"], given.json()["agent_id"]) == ("accepted", "farid")
    urgent = await ask("sam", "PATCH", at, boss, json={"priority": 99})
    assert urgent.json()["priority"] == 99
    assert (await ask("sam", "PATCH", at, boss, json={"priority": 101})).status_code == 422
    back = await ask("sam", "POST", f"{at}/take-back", boss, json={"reason": "a holiday"})
    assert (back.json()["state"], back.json()["agent_id"], back.json()["priority"]) == ("queued", None, 99)
    refused = await ask("sam", "POST", f"{at}/take-back", boss, json={"reason": "a holiday"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "Nobody has the work: it is queued.")


async def test_presence_is_one_of_the_list_and_a_heartbeat_says_how_one_stands(
    pool: AgentPool, ask: Ask
) -> None:
    assert (await ask("elena", "POST", "/agents/me/heartbeat")).json()["presence"] == "offline"
    wrong = await ask("elena", "PUT", "/agents/me/presence", json={"presence": "availible"})
    assert wrong.status_code == 422
    assert "did you mean 'available'?" in wrong.json()["errors"][0]["detail"]
    silent = await ask("elena", "PUT", "/agents/me/presence", json={"presence": "not-responding"})
    assert (silent.status_code, silent.json()["detail"]) == (
        403,
        "Not responding is not for people to choose.",
    )
    await ask("elena", "PUT", "/agents/me/presence", json={"presence": "available"})
    assert (await ask("elena", "POST", "/agents/me/heartbeat")).json()["presence"] == "available"
    assert (await ask("nobody", "POST", "/agents/me/heartbeat")).status_code == 403


async def test_what_takes_a_whole_agent_and_wrapping_up_are_shown(pool: AgentPool, ask: Ask) -> None:
    await pool.organise(
        section("channel_units", {"email": "all"}),
        queue("planning", wrap_up="2m"),
        agent("elena", auto_accept=True),
    )
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assert await pool.assign() == 1
    me = (await ask("elena", "GET", "/agents/me")).json()
    assert (me["load"], me["capacity"], me["wrap_up_until"]) == (2, 2, None)
    work = (await pool.works())["C-1"].work_item_id
    assert (await ask("elena", "GET", f"/work/{work}")).json()["units"] is None
    done = await ask("elena", "POST", f"/work/{work}/complete", json={"reason": "settled by phone"})
    assert done.status_code == 200
    me = (await ask("elena", "GET", "/agents/me")).json()
    assert me["load"] == 0
    assert me["wrap_up_until"] is not None
    await ask("elena", "PUT", "/agents/me/presence", json={"presence": "available"})
    assert (await ask("elena", "GET", "/agents/me")).json()["wrap_up_until"] is None


async def test_an_offer_that_may_not_be_declined_is_refused_with_words(pool: AgentPool, ask: Ask) -> None:
    await pool.apply(opened(1, pool.now, department="rates"))
    await pool.present("amara")
    await pool.assign()
    (offer,) = (await pool.pending())["amara"]
    refused = await ask("amara", "POST", f"/offers/{offer}/decline", json={"reason": "lunch"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "Work of Rates can't be declined: that is its policy."


async def test_routes_let_in_whom_the_table_says(ask: Ask) -> None:
    document = (await ask("sam", "GET", "/openapi.json")).json()
    found = {
        f"{verb.upper()} {path}": set(route["x-roles"])
        for path, verbs in document["paths"].items()
        for verb, route in verbs.items()
        if "x-roles" in route
    }
    assert found == {route: {role.value for role in roles} for route, roles in ROLES["routing"].items()}


async def test_agents_see_what_they_use_of_their_capacity_profiles(pool: AgentPool, ask: Ask) -> None:
    profile = {"id": "total", "name": "All work", "most": 3}
    await pool.organise(queue("planning", may_pick=True), section("capacity_profiles", [profile]))
    await pool.apply(opened(1, pool.now))
    came = await ask("farid", "PUT", "/agents/me/presence", json={"presence": "busy"})
    assert came.json()["profiles"] == [{"profile": "total", "name": "All work", "used": 0, "most": 3}]
    assert (await ask("farid", "POST", "/agents/me/next")).status_code == 200
    mine = (await ask("farid", "GET", "/agents/me")).json()
    assert (mine["load"], mine["profiles"][0]["used"]) == (1, 1)
    listed = (await ask("bea", "GET", "/agents", role=Role.SUPERVISOR)).json()["items"]
    used = {each["agent_id"]: each["profiles"][0]["used"] for each in listed}
    assert used.pop("farid") == 1
    assert set(used.values()) == {0}
