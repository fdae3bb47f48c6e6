"""The API of agents and work: roles, answers and the texts of refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
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
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import agent, queue, section

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
            who: str, verb: str, path: str, role: Role = Role.AGENT, **options: Any
        ) -> httpx.Response:
            token = keys.token(tmp_path, role=role, name=who, now=pool.now)
            return await http.request(verb, path, headers={"Authorization": f"Bearer {token}"}, **options)

        yield request


async def test_an_agent_pulls_until_nothing_waits_and_picks_where_the_queue_allows_it(
    pool: AgentPool, ask: Ask
) -> None:
    await pool.apply(
        opened(1, pool.now, waited=9), opened(2, pool.now), opened(3, pool.now, department="rates")
    )
    assert (await ask("farid", "POST", "/agents/me/next")).status_code == 409
    assert (await ask("farid", "PUT", "/agents/me/presence", json={"presence": "busy"})).status_code == 200
    pulled = await ask("farid", "POST", "/agents/me/next")
    assert (pulled.status_code, pulled.json()["case_reference"], pulled.json()["state"]) == (
        200,
        "C-1",
        "accepted",
    )
    assert pulled.json()["units"] == 1
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
    path = f"/work/{(await pool.works())['C-1'].work_item_id}"
    supervisor = Role.SUPERVISOR
    assert (await ask("farid", "PUT", "/agents/me/presence", json={"presence": "away"})).status_code == 200
    for verb, route, body in (
        ("POST", f"{path}/assign", {"agent_id": "farid"}),
        ("POST", f"{path}/take-back", {"reason": "a holiday"}),
        ("PATCH", path, {"priority": 3}),
    ):
        assert (await ask("farid", verb, route, json=body)).status_code == 403
    unknown = await ask("sam", "POST", f"{path}/assign", supervisor, json={"agent_id": "farida"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/agent_id")
    absent = await ask("sam", "POST", f"{path}/assign", supervisor, json={"agent_id": "farid"})
    assert (absent.status_code, absent.json()["why_not"], absent.json()["presence"]) == (
        409,
        "presence",
        "away",
    )
    await ask("farid", "PUT", "/agents/me/presence", json={"presence": "available"})
    assigned = await ask(
        "sam", "POST", f"{path}/assign", supervisor, json={"agent_id": "farid", "reason": "he knows her"}
    )
    assert (assigned.json()["state"], assigned.json()["agent_id"]) == ("accepted", "farid")
    reprioritised = await ask("sam", "PATCH", path, supervisor, json={"priority": 99})
    assert reprioritised.json()["priority"] == 99
    assert (await ask("sam", "PATCH", path, supervisor, json={"priority": 101})).status_code == 422
    back = await ask("sam", "POST", f"{path}/take-back", supervisor, json={"reason": "a holiday"})
    assert (back.json()["state"], back.json()["agent_id"], back.json()["priority"]) == ("queued", None, 99)
    refused = await ask("sam", "POST", f"{path}/take-back", supervisor, json={"reason": "a holiday"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "Nobody has the work: it is queued.")


async def test_a_presence_must_be_in_the_list_and_a_heartbeat_returns_the_presence(
    pool: AgentPool, ask: Ask
) -> None:
    assert (await ask("elena", "POST", "/agents/me/heartbeat")).json()["presence"] == "offline"
    unknown = await ask("elena", "PUT", "/agents/me/presence", json={"presence": "availible"})
    assert unknown.status_code == 422
    assert "did you mean 'available'?" in unknown.json()["errors"][0]["detail"]
    refused = await ask("elena", "PUT", "/agents/me/presence", json={"presence": "not-responding"})
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "Not responding can't be chosen by people.",
    )
    await ask("elena", "PUT", "/agents/me/presence", json={"presence": "available"})
    assert (await ask("elena", "POST", "/agents/me/heartbeat")).json()["presence"] == "available"
    assert (await ask("nobody", "POST", "/agents/me/heartbeat")).status_code == 403


async def test_whole_agent_work_and_the_end_of_wrap_up_are_shown(pool: AgentPool, ask: Ask) -> None:
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
    done = await ask("elena", "POST", f"/work/{work}/complete", json={"reason": "resolved by phone"})
    assert done.status_code == 200
    me = (await ask("elena", "GET", "/agents/me")).json()
    assert me["load"] == 0
    assert me["wrap_up_until"] is not None
    await ask("elena", "PUT", "/agents/me/presence", json={"presence": "available"})
    assert (await ask("elena", "GET", "/agents/me")).json()["wrap_up_until"] is None


async def test_declining_is_refused_with_a_reason_where_the_queue_forbids_it(
    pool: AgentPool, ask: Ask
) -> None:
    await pool.apply(opened(1, pool.now, department="rates"))
    await pool.present("amara")
    await pool.assign()
    (offer,) = (await pool.pending())["amara"]
    (shown,) = (await ask("amara", "GET", "/offers/me")).json()["items"]
    assert (datetime.fromisoformat(shown["offered_at"]), shown["may_decline"]) == (pool.now, False)
    refused = await ask("amara", "POST", f"/offers/{offer}/decline", json={"reason": "lunch"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "Work of Rates can't be declined: that is its policy."


async def test_each_route_allows_the_roles_of_the_table(ask: Ask) -> None:
    document = (await ask("sam", "GET", "/openapi.json")).json()
    documented = {
        f"{verb.upper()} {path}": set(route["x-roles"])
        for path, verbs in document["paths"].items()
        for verb, route in verbs.items()
        if "x-roles" in route
    }
    assert documented == {route: {role.value for role in roles} for route, roles in ROLES["routing"].items()}


async def test_agents_see_what_they_use_of_their_capacity_profiles(pool: AgentPool, ask: Ask) -> None:
    profile = {"id": "total", "name": "All work", "most": 3}
    await pool.organise(queue("planning", may_pick=True), section("capacity_profiles", [profile]))
    await pool.apply(opened(1, pool.now))
    present = await ask("farid", "PUT", "/agents/me/presence", json={"presence": "busy"})
    assert present.json()["profiles"] == [{"profile": "total", "name": "All work", "used": 0, "most": 3}]
    assert (await ask("farid", "POST", "/agents/me/next")).status_code == 200
    me = (await ask("farid", "GET", "/agents/me")).json()
    assert (me["load"], me["profiles"][0]["used"]) == (1, 1)
    listed = (await ask("bea", "GET", "/agents", role=Role.SUPERVISOR)).json()["items"]
    used = {each["agent_id"]: each["profiles"][0]["used"] for each in listed}
    assert used.pop("farid") == 1
    assert set(used.values()) == {0}
