"""The API of agents and work: roles, answers and the texts of refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.contracts.queues import QueueState
from antiphon.http.changes import ChangeFeed
from antiphon.http.problem_kinds import Kind
from deploy import keys
from routing import api, store
from tests.conftest import NewDatabase
from tests.support.roles import ROLES
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.backlog import Kind as WorkKind
from tests.support.routing.backlog import add_waiting
from tests.support.routing.harness import opened
from tests.support.routing.organisation import agent, queue, section
from tests.support.routing.queues import put_state
from tests.support.statements import counted

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


async def test_the_offer_shows_the_note_of_a_hand_over_and_a_refusal_names_its_reason(
    pool: AgentPool, ask: Ask
) -> None:
    await pool.apply(opened(1, pool.now))
    path = f"/work/{(await pool.works())['C-1'].work_item_id}/transfer"
    body = {"agent_id": "farid", "note": "She calls again on Friday"}
    refused = await ask("sam", "POST", path, Role.SUPERVISOR, json=body)
    assert (refused.status_code, refused.json()["why_not"]) == (409, "presence")
    assert refused.json()["presence"] == "offline"
    waits = await ask("sam", "POST", path, Role.SUPERVISOR, json={"queue": "rates", "wait": True})
    assert (waits.status_code, waits.json()["errors"][0]["pointer"]) == (422, "/wait")
    await pool.present("farid")
    assert (await ask("sam", "POST", path, Role.SUPERVISOR, json=body)).status_code == 200
    (offer,) = (await ask("farid", "GET", "/offers/me")).json()["items"]
    assert offer["note"] == body["note"]


async def test_work_is_listed_by_due_time_and_counted_by_queue_and_state(pool: AgentPool, ask: Ask) -> None:
    await pool.apply(*(opened(number, pool.now, waited=number % 4) for number in range(1, 8)))
    await pool.apply(opened(8, pool.now, department="rates"))
    async with pool.engine.begin() as tx:
        await tx.execute(text("update work_item set due_at = null where case_reference in ('C-4', 'C-8')"))
    await pool.present("elena")
    assert await pool.assign() == 2
    (first, second) = (await pool.pending())["elena"]
    assert await pool.accept(first, "elena") == 200
    done = next(row for row in (await pool.works()).values() if row.state == "accepted")
    await pool.complete("elena", done.work_item_id)
    assert await pool.accept(second, "elena") == 200

    async def listed(who: str, role: Role = Role.AGENT, **asked: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (
                await ask(who, "GET", "/work", role, params={"sort": "due_at", "limit": 2, **asked, **cursor})
            ).json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    everything = await listed("sam", Role.SUPERVISOR)
    assert {item["case_reference"] for item in everything} == {f"C-{n}" for n in range(1, 9)} - {
        done.case_reference
    }
    assert everything == sorted(everything, key=lambda item: (item["due_at"] or "9", item["work_item_id"]))
    assert [item["due_at"] for item in everything[-2:]] == [None, None]
    assert {item["queue"] for item in await listed("elena")} == {"planning"}
    assert await listed("sam", Role.SUPERVISOR, state="completed") == []
    assert await listed("sam", Role.SUPERVISOR, case_id=everything[0]["case_id"]) == everything[:1]
    wrong = await ask("sam", "GET", "/work", Role.SUPERVISOR, params={"limit": 2})
    crossed = {"sort": "due_at", "cursor": wrong.json()["next"]}
    assert (await ask("sam", "GET", "/work", Role.SUPERVISOR, params=crossed)).status_code == 400

    planning = {"queue": "planning", "queued": 5, "offered": 0, "accepted": 1}
    assert (await ask("elena", "GET", "/work/counts")).json() == {
        "queued": 5, "offered": 0, "accepted": 1, "queues": [planning],
    }  # fmt: skip
    assert (await ask("sam", "GET", "/work/counts", Role.SUPERVISOR)).json() == {
        "queued": 6, "offered": 0, "accepted": 1,
        "queues": [planning, {"queue": "rates", "queued": 1, "offered": 0, "accepted": 0}],
    }  # fmt: skip


async def test_a_page_of_work_by_due_time_reads_the_head_of_its_index(pool: AgentPool) -> None:
    await add_waiting(pool, [WorkKind("planning", {}), WorkKind("rates", {})], 5_000)
    async with pool.engine.connect() as connection:
        with counted(pool.engine) as statements:
            await store.work_items.page(connection, store.work_items.BY_DUE, None, None, None, None, None, 50)
        (query,) = (one for one in statements if "work_item" in one)
        await connection.execute(text(f"prepare page as {query}"))
        plan = "\n".join(row[0] for row in await connection.execute(text("explain execute page(51)")))
    assert "work_item_due_ix" in plan, plan
    assert "Sort" not in plan, plan


async def test_an_agent_sees_which_presences_they_may_choose_and_who_can_take_work(
    pool: AgentPool, ask: Ask
) -> None:
    me = (await ask("elena", "GET", "/agents/me")).json()
    assert me["presences"] == [
        {"id": "available", "name": "Available", "routable": True},
        {"id": "busy", "name": "Busy", "routable": False},
        {"id": "away", "name": "Away", "routable": False},
        {"id": "offline", "name": "Offline", "routable": False},
    ]
    assert me["presence_lost_after_s"] == 120
    await pool.organise(agent("farid", capacity=1))
    (farid,) = (await ask("elena", "GET", "/colleagues", params={"queue": "planning"})).json()["items"]
    assert farid == {
        "agent_id": "farid", "name": "Farid Haddad", "presence": "offline", "can_be_offered": False,
        "why_not": "presence", "why_not_text": "offline",
    }  # fmt: skip
    await pool.present("farid")

    async def farids(**asked: str) -> tuple[bool, str | None]:
        colleagues = (await ask("elena", "GET", "/colleagues", params=asked)).json()["items"]
        assert "elena" not in {one["agent_id"] for one in colleagues}
        one = next(one for one in colleagues if one["agent_id"] == "farid")
        return one["can_be_offered"], one["why_not"]

    assert await farids() == await farids(queue="planning") == (True, None)
    await put_state(pool, "planning", QueueState.PAUSED)
    # He can still be offered work of his other queue.
    assert (await farids(queue="planning"), await farids()) == ((False, "queue-closed"), (True, None))
    await put_state(pool, "planning", QueueState.OPEN)
    await pool.apply(opened(1, pool.now))
    assert await pool.assign() == 1
    assert await farids(queue="planning") == (False, "capacity")
    assert (await ask("elena", "GET", "/colleagues", params={"queue": "plan"})).status_code == 404


async def test_an_agent_extends_an_offer_as_often_as_its_queue_allows(pool: AgentPool, ask: Ask) -> None:
    await pool.organise(queue("planning", offer_timeout="30s", extend_offer={"by": "20s", "times": 2}))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    (first,) = (await ask("elena", "GET", "/offers/me")).json()["items"]
    extend = f"/offers/{first['offer_id']}/extend"
    assert (first["may_extend"], first["extensions_left"]) == (True, 2)
    last = [(await ask("elena", "POST", extend)).json() for _ in range(2)][-1]
    expires_at = pool.now + timedelta(seconds=70)
    assert (last["may_extend"], last["extensions_left"]) == (False, 0)
    assert datetime.fromisoformat(last["expires_at"]) == expires_at
    assert (await ask("elena", "POST", extend)).json()["type"] == Kind.EXTENSIONS_USED_UP.type
    (timer,) = await pool.rows("select due_at from timer where kind = 'offer-expiry'")
    noticed = await pool.rows("select data from change_log where kind = 'offer' order by id")
    assert timer.due_at == expires_at
    assert [datetime.fromisoformat(row.data["expires_at"]) for row in noticed][1:] == [
        expires_at - timedelta(seconds=20), expires_at
    ]  # fmt: skip


async def test_extending_is_refused_where_the_queue_does_not_allow_it(pool: AgentPool, ask: Ask) -> None:
    await pool.apply(opened(1, pool.now, department="rates"))
    await pool.present("amara")
    await pool.assign()
    (offer,) = (await ask("amara", "GET", "/offers/me")).json()["items"]
    refused = await ask("amara", "POST", f"/offers/{offer['offer_id']}/extend")
    assert (offer["may_extend"], offer["extensions_left"]) == (False, 0)
    assert (refused.status_code, refused.json()["type"]) == (403, Kind.EXTENDING_NOT_ALLOWED.type)


async def test_the_list_of_stuck_work_says_why_and_since_when(pool: AgentPool, ask: Ask) -> None:
    await pool.apply(opened(1, pool.now, waited=120))
    (shown,) = (await ask("sam", "GET", "/work/stuck", Role.SUPERVISOR)).json()["items"]
    assert (shown["case_reference"], shown["waiting_for"]) == ("C-1", "nobody")
    assert shown["waiting_because"] == "nobody of the queue is available (offline)"
    assert datetime.fromisoformat(shown["since"]) == pool.now
