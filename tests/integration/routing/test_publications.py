"""A draft becomes active at a time, for a share of the cases, for a while, or when a second person says so."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from antiphon.process.clock import utc_now
from routing import timers
from routing.configuration.active import Configurations
from routing.domain.decisions.rollout import in_rollout
from routing.domain.timer import TimerKind
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, case, opened_api
from tests.support.routing.harness import settled

RATES = "{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,"
APPROVAL = COUNCIL + "\npublishing: { needs_approval: true }\n"
Json = dict[str, Any]


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def publish(client: RoutingApi, draft: Json, status: int = 200, **plan: Any) -> Json:
    path = f"/drafts/{draft['draft_id']}/publish"
    answer = await client.ask("POST", path, tag=draft["etag"], json={"why": "rates day", **plan})
    assert answer.status_code == status, answer.text
    return answer.json()


async def say(
    client: RoutingApi, publication: Json, verb: str, status: int = 200, name: str = "olga", **given: Any
) -> Json:
    path = f"/publications/{publication['publication_id']}/{verb}"
    answer = await client.ask("POST", path, name=name, json=given)
    assert answer.status_code == status, answer.text
    return answer.json()


async def fire(client: RoutingApi, kind: str) -> None:
    """Timers of a kind are due, and each of two replicas looks."""
    async with client.engine.begin() as tx:
        await tx.execute(text("update timer set due_at = now() where kind = :k"), {"k": kind})
    for _ in range(2):
        async with client.engine.begin() as tx:
            await timers.fire(tx, client.configurations, utc_now())


async def decided(client: RoutingApi) -> dict[int, tuple[int, int]]:
    """By case the version that decided last, and the priority that it gave."""
    rows = await client.rows(
        "select d.case_id, d.version, w.priority from decision d join work_item w using (work_item_id) order by d.at"
    )
    return {row.case_id.int: (row.version, row.priority) for row in rows}


async def kinds(client: RoutingApi) -> list[str]:
    rows = await client.rows("select headers from outbox where topic = 'configuration' order by id")
    names = ("planned", "published", "ended")
    return [name for row in rows for name in names if f"configuration.{name}.v1" in row.headers]


async def test_a_share_of_the_cases_is_decided_by_the_new_version_and_each_case_stays_on_its_side(
    client: RoutingApi,
) -> None:
    told = await publish(client, await client.draft(RATES), rollout=30)
    version, publication = told["configuration_version"], told["publication"]
    assert (publication["state"], publication["rollout"], publication["asked_by"]) == ("limited", 30, "olga")
    cases = [case(n, "rates") for n in range(1, 101)]
    await client.apply(*cases[:50])
    other = client.configurations
    client.configurations = Configurations()  # a second replica
    await client.apply(*cases[50:])
    first = await decided(client)
    new = {n for n, (by, _) in first.items() if by == version}
    assert new == {n for n in first if in_rollout(version, 30, UUID(int=n))}
    assert 15 <= len(new) <= 45
    assert {priority for n, (_, priority) in first.items() if n in new} == {60}
    assert {first[n] for n in first.keys() - new} == {(version - 1, 40)}
    again = [
        c.model_copy(update={"case": c.case.model_copy(update={"revision": c.case.revision + 2})})
        for c in cases
    ]
    await client.apply(*(settled(c) for c in cases))
    await client.apply(*again)
    assert {n: by for n, (by, _) in (await decided(client)).items()} == {
        n: by for n, (by, _) in first.items()
    }
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == version - 1
    lines = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [(line["state"], line["rollout"]) for line in lines] == [("limited", 30), ("published", None)]
    await say(client, publication, "widen", rollout=20, why="less", status=409)
    assert (await say(client, publication, "widen", rollout=60, why="it works"))["state"] == "limited"
    assert (await say(client, publication, "widen", rollout=100, why="it works"))["state"] == "published"
    client.configurations = other
    await client.apply(*(case(n, "rates") for n in range(201, 206)))
    assert {(await decided(client))[n] for n in range(201, 206)} == {(version, 60)}
    assert (await kinds(client))[-3:] == ["published"] * 3


@given(st.uuids(), st.integers(1, 1000), st.integers(1, 99))
def test_who_is_among_the_first_still_is_when_the_share_grows(one: UUID, version: int, rollout: int) -> None:
    assert in_rollout(version, 100, one)
    assert not in_rollout(version, rollout, one) or in_rollout(version, rollout + 1, one)


async def test_a_share_that_is_ended_leaves_all_cases_to_the_version_before(client: RoutingApi) -> None:
    told = await publish(client, await client.draft(RATES), rollout=99)
    await publish(client, await client.draft(RATES, name="another"), status=409)
    refused = await client.ask(
        "PUT", "/configuration", tag=str(told["configuration_version"] - 1), content=COUNCIL + "\n"
    )
    assert refused.status_code == 409
    ended = await say(client, told["publication"], "end", why="complaints")
    assert (ended["state"], ended["ended_by"], ended["ended_why"]) == ("ended", "olga", "complaints")
    await client.apply(*(case(n, "rates") for n in range(1, 21)))
    assert set((await decided(client)).values()) == {(told["configuration_version"] - 1, 40)}
    await say(client, told["publication"], "end", why="again", status=409)
    assert (await kinds(client))[-2:] == ["published", "ended"]
    lines = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [line["state"] for line in lines] == ["superseded", "published"]


async def test_only_rules_can_be_in_force_for_a_share(client: RoutingApi) -> None:
    draft = await client.draft(("offer_timeout: 20s", "offer_timeout: 25s"), RATES)
    refused = await publish(client, draft, rollout=50, status=409)
    assert refused["differences"] == ["queue 'social-care': offer timeout 20s → 25s"]
    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()["state"] == "draft"


async def test_a_version_begins_at_its_time_widens_at_its_time_and_ends_by_itself(client: RoutingApi) -> None:
    begins = utc_now() + timedelta(hours=1)
    plan: Json = {
        "begins_at": begins.isoformat(),
        "rollout": 50,
        "widens_at": (begins + timedelta(hours=1)).isoformat(),
        "ends_at": (begins + timedelta(hours=2)).isoformat(),
    }
    draft = await client.draft(RATES)
    told = await publish(client, draft, **plan)
    assert (told["configuration_version"], told["publication"]["state"]) == (None, "planned")
    before = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    path = f"/publications/{told['publication']['publication_id']}"

    async def state() -> tuple[str, int]:
        found = (await client.ask("GET", path)).json()
        return found["state"], found["rollout"]

    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()["state"] == "planned"
    await fire(client, TimerKind.PUBLICATION_BEGINS)
    assert await state() == ("limited", 50)
    await fire(client, TimerKind.PUBLICATION_WIDENS)
    assert await state() == ("published", 100)
    await client.apply(case(1, "rates"))
    client.configurations = Configurations()
    await fire(client, TimerKind.PUBLICATION_ENDS)
    assert await state() == ("ended", 100)
    await client.apply(case(2, "rates"))
    assert list((await decided(client)).values()) == [(before + 1, 60), (before + 2, 40)]
    newest = (await client.ask("GET", "/configuration/versions")).json()["items"][0]
    assert (newest["restores"], newest["why"]) == (before, "the time for it is over")
    assert (await kinds(client))[-5:] == ["planned", "published", "published", "published", "ended"]
    assert (await client.ask("GET", "/publications")).json()["items"][0][
        "configuration_version"
    ] == before + 1


async def test_what_waits_for_its_time_can_be_withdrawn_and_is_a_draft_again(client: RoutingApi) -> None:
    draft = await client.draft(RATES)
    told = await publish(client, draft, begins_at=(utc_now() + timedelta(hours=1)).isoformat())
    await say(client, told["publication"], "end", why="not yet")
    await fire(client, TimerKind.PUBLICATION_BEGINS)
    again = await client.ask("GET", f"/drafts/{draft['draft_id']}")
    assert again.json()["state"] == "draft"
    assert (await publish(client, draft | {"etag": again.headers["ETag"]}))["configuration_version"]


async def test_what_can_not_begin_when_its_time_has_come_has_failed_and_says_why(client: RoutingApi) -> None:
    draft = await client.draft(RATES)
    told = await publish(client, draft, begins_at=(utc_now() + timedelta(hours=1)).isoformat())
    version = (await publish(client, await client.draft(("priority: 30", "priority: 31"))))[
        "configuration_version"
    ]
    await fire(client, TimerKind.PUBLICATION_BEGINS)
    found = (await client.ask("GET", f"/publications/{told['publication']['publication_id']}")).json()
    assert (found["state"], found["ended_by"]) == ("failed", "routing")
    assert "active no more" in found["ended_why"]
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == version
    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()["state"] == "draft"


async def test_where_a_second_person_must_approve_nobody_publishes_their_own(client: RoutingApi) -> None:
    await client.load(APPROVAL)
    before = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    source = APPROVAL.replace(*RATES).replace("needs_approval: true", "needs_approval: false")
    made = await client.ask("POST", "/drafts", name="pat", json={"name": "x", "why": "y", "source": source})
    draft = made.json() | {"etag": made.headers["ETag"]}
    for name, why in (("rosa", "better"), ("sven", "y")):
        body = {"name": "x", "why": why, "source": source}
        path = f"/drafts/{draft['draft_id']}"
        saved = await client.ask("PUT", path, name=name, tag=draft["etag"], json=body)
        draft |= {"etag": saved.headers["ETag"], "revision": saved.json()["revision"]}
    told = await publish(client, draft)
    assert (told["configuration_version"], told["publication"]["state"]) == (None, "waiting")
    assert told["publication"]["needs_approval"] is True
    for name in ("olga", "pat", "rosa", "sven"):
        await say(client, told["publication"], "approve", name=name, status=403)
    refused = await client.ask("PUT", "/configuration", tag=str(before), content=source)
    assert refused.status_code == 409
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == before
    approved = await say(client, told["publication"], "approve", name="quinn", why="read it")
    assert (approved["state"], approved["approved_by"], approved["approved_why"]) == (
        "published",
        "quinn",
        "read it",
    )
    assert (
        (await client.ask("GET", "/configuration")).json()["configuration_version"]
        == approved["configuration_version"]
        == before + 1
    )
    await say(client, told["publication"], "approve", name="quinn", status=409)
    assert (await kinds(client))[-2:] == ["planned", "published"]


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"widens_at": "2099-01-01T00:00:00Z"}, "/widens_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
        ({"begins_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}, "/ends_at"),
        ({"rollout": 0}, "/rollout"),
    ],
)
async def test_times_that_are_in_no_order_are_refused(client: RoutingApi, plan: Json, pointer: str) -> None:
    refused = await publish(client, await client.draft(RATES), status=422, **plan)
    assert refused["errors"][0]["pointer"].endswith(pointer)
