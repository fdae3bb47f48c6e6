"""A draft becomes active at a time, for a part of the cases, for a period, or after a second person approves."""

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
from tests.support.routing.harness import status_changed

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


async def act(
    client: RoutingApi, publication: Json, verb: str, status: int = 200, name: str = "olga", **body: Any
) -> Json:
    path = f"/publications/{publication['publication_id']}/{verb}"
    answer = await client.ask("POST", path, name=name, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def fire(client: RoutingApi, kind: str) -> None:
    """Makes the timers of a kind due; two replicas fire what is due."""
    async with client.engine.begin() as tx:
        await tx.execute(text("update timer set due_at = now() where kind = :k"), {"k": kind})
    for _ in range(2):
        async with client.engine.begin() as tx:
            await timers.fire(tx, client.configurations, utc_now())


async def latest_decisions(client: RoutingApi) -> dict[int, tuple[int, int]]:
    """By case the version of its latest decision and the priority of its work."""
    rows = await client.rows(
        "select d.case_id, d.version, w.priority from decision d join work_item w using (work_item_id) order by d.at"
    )
    return {row.case_id.int: (row.version, row.priority) for row in rows}


async def configuration_events(client: RoutingApi) -> list[str]:
    """The kinds of the configuration events in the outbox, in order."""
    rows = await client.rows("select headers from outbox where topic = 'configuration' order by id")
    names = ("planned", "published", "ended")
    return [name for row in rows for name in names if f"configuration.{name}.v1" in row.headers]


async def test_a_rollout_decides_its_part_of_the_cases_and_a_case_keeps_its_version(
    client: RoutingApi,
) -> None:
    published = await publish(client, await client.draft(RATES), rollout=30)
    version, publication = published["configuration_version"], published["publication"]
    assert (publication["state"], publication["rollout"], publication["asked_by"]) == ("limited", 30, "olga")
    cases = [case(n, "rates") for n in range(1, 101)]
    await client.apply(*cases[:50])
    first_replica = client.configurations
    client.configurations = Configurations()  # a second replica
    await client.apply(*cases[50:])
    before = await latest_decisions(client)
    new = {n for n, (decided_by, _) in before.items() if decided_by == version}
    assert new == {n for n in before if in_rollout(version, 30, UUID(int=n))}
    assert 15 <= len(new) <= 45
    assert {priority for n, (_, priority) in before.items() if n in new} == {60}
    assert {before[n] for n in before.keys() - new} == {(version - 1, 40)}
    asked_again = [
        c.model_copy(update={"case": c.case.model_copy(update={"revision": c.case.revision + 2})})
        for c in cases
    ]
    await client.apply(*(status_changed(c) for c in cases))
    await client.apply(*asked_again)
    assert {n: by for n, (by, _) in (await latest_decisions(client)).items()} == {
        n: by for n, (by, _) in before.items()
    }
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == version - 1
    lines = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [(line["state"], line["rollout"]) for line in lines] == [("limited", 30), ("published", None)]
    await act(client, publication, "widen", rollout=20, why="less", status=409)
    assert (await act(client, publication, "widen", rollout=60, why="it works"))["state"] == "limited"
    assert (await act(client, publication, "widen", rollout=100, why="it works"))["state"] == "published"
    client.configurations = first_replica
    await client.apply(*(case(n, "rates") for n in range(201, 206)))
    assert {(await latest_decisions(client))[n] for n in range(201, 206)} == {(version, 60)}
    assert (await configuration_events(client))[-3:] == ["published"] * 3


@given(st.uuids(), st.integers(1, 1000), st.integers(1, 99))
def test_a_case_in_a_rollout_stays_in_it_when_the_rollout_grows(
    case_id: UUID, version: int, rollout: int
) -> None:
    assert in_rollout(version, 100, case_id)
    assert not in_rollout(version, rollout, case_id) or in_rollout(version, rollout + 1, case_id)


async def test_an_ended_rollout_leaves_all_cases_to_the_previous_version(client: RoutingApi) -> None:
    published = await publish(client, await client.draft(RATES), rollout=99)
    await publish(client, await client.draft(RATES, name="another"), status=409)
    refused = await client.ask(
        "PUT", "/configuration", tag=str(published["configuration_version"] - 1), content=COUNCIL + "\n"
    )
    assert refused.status_code == 409
    ended = await act(client, published["publication"], "end", why="complaints")
    assert (ended["state"], ended["ended_by"], ended["ended_why"]) == ("ended", "olga", "complaints")
    await client.apply(*(case(n, "rates") for n in range(1, 21)))
    assert set((await latest_decisions(client)).values()) == {(published["configuration_version"] - 1, 40)}
    await act(client, published["publication"], "end", why="again", status=409)
    assert (await configuration_events(client))[-2:] == ["published", "ended"]
    lines = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [line["state"] for line in lines] == ["superseded", "published"]


async def test_only_changes_of_rules_can_be_rolled_out_to_a_part_of_the_cases(client: RoutingApi) -> None:
    draft = await client.draft(("offer_timeout: 20s", "offer_timeout: 25s"), RATES)
    refused = await publish(client, draft, rollout=50, status=409)
    assert refused["differences"] == ["queue 'social-care': offer timeout 20s → 25s"]
    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()["state"] == "draft"


async def test_a_planned_version_begins_widens_and_ends_at_its_times(client: RoutingApi) -> None:
    begins = utc_now() + timedelta(hours=1)
    plan: Json = {
        "begins_at": begins.isoformat(),
        "rollout": 50,
        "widens_at": (begins + timedelta(hours=1)).isoformat(),
        "ends_at": (begins + timedelta(hours=2)).isoformat(),
    }
    draft = await client.draft(RATES)
    published = await publish(client, draft, **plan)
    assert (published["configuration_version"], published["publication"]["state"]) == (None, "planned")
    before = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    path = f"/publications/{published['publication']['publication_id']}"

    async def state() -> tuple[str, int]:
        publication = (await client.ask("GET", path)).json()
        return publication["state"], publication["rollout"]

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
    assert list((await latest_decisions(client)).values()) == [(before + 1, 60), (before + 2, 40)]
    newest = (await client.ask("GET", "/configuration/versions")).json()["items"][0]
    assert (newest["restores"], newest["why"]) == (before, "the time for it is over")
    assert (await configuration_events(client))[-5:] == [
        "planned",
        "published",
        "published",
        "published",
        "ended",
    ]
    assert (await client.ask("GET", "/publications")).json()["items"][0][
        "configuration_version"
    ] == before + 1


async def test_a_planned_publication_can_be_withdrawn_and_is_a_draft_again(client: RoutingApi) -> None:
    draft = await client.draft(RATES)
    published = await publish(client, draft, begins_at=(utc_now() + timedelta(hours=1)).isoformat())
    await act(client, published["publication"], "end", why="not yet")
    await fire(client, TimerKind.PUBLICATION_BEGINS)
    withdrawn = await client.ask("GET", f"/drafts/{draft['draft_id']}")
    assert withdrawn.json()["state"] == "draft"
    assert (await publish(client, draft | {"etag": withdrawn.headers["ETag"]}))["configuration_version"]


async def test_a_planned_publication_that_cannot_begin_fails_with_its_reason(client: RoutingApi) -> None:
    draft = await client.draft(RATES)
    published = await publish(client, draft, begins_at=(utc_now() + timedelta(hours=1)).isoformat())
    version = (await publish(client, await client.draft(("priority: 30", "priority: 31"))))[
        "configuration_version"
    ]
    await fire(client, TimerKind.PUBLICATION_BEGINS)
    failed = (await client.ask("GET", f"/publications/{published['publication']['publication_id']}")).json()
    assert (failed["state"], failed["ended_by"]) == ("failed", "routing")
    assert "no longer active" in failed["ended_why"]
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == version
    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()["state"] == "draft"


async def test_where_approval_is_required_no_editor_approves_their_own_draft(client: RoutingApi) -> None:
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
    published = await publish(client, draft)
    assert (published["configuration_version"], published["publication"]["state"]) == (None, "waiting")
    assert published["publication"]["needs_approval"] is True
    for name in ("olga", "pat", "rosa", "sven"):
        await act(client, published["publication"], "approve", name=name, status=403)
    refused = await client.ask("PUT", "/configuration", tag=str(before), content=source)
    assert refused.status_code == 409
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == before
    approved = await act(client, published["publication"], "approve", name="quinn", why="read it")
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
    await act(client, published["publication"], "approve", name="quinn", status=409)
    assert (await configuration_events(client))[-2:] == ["planned", "published"]


async def test_where_approval_is_required_no_author_widens_their_own_rollout(client: RoutingApi) -> None:
    await client.load(APPROVAL)
    source = APPROVAL.replace(*RATES)
    made = await client.ask("POST", "/drafts", name="pat", json={"name": "x", "why": "y", "source": source})
    waiting = await publish(client, made.json() | {"etag": made.headers["ETag"]}, rollout=1)
    publication = waiting["publication"]
    await act(client, publication, "approve", name="quinn")
    for name in ("pat", "olga"):
        refused = await act(client, publication, "widen", name=name, rollout=100, why="mine", status=403)
        assert "another person" in refused["detail"]
    assert (await act(client, publication, "widen", name="quinn", rollout=100, why="read it"))[
        "state"
    ] == "published"
    ended = await act(client, publication, "end", name="pat", why="mine", status=409)
    assert "/configuration/back" in ended["detail"]


async def test_where_approval_is_required_a_second_person_approves_the_way_back(client: RoutingApi) -> None:
    first = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    await client.load(APPROVAL)
    tag, why = f'"{first + 1}"', {"why": "no approvals, please"}
    asked = await client.ask("POST", "/configuration/back", tag=tag, json=why)
    assert asked.status_code == 200, asked.text
    publication = asked.json()["publication"]
    assert (asked.json()["configuration_version"], asked.json()["restores"]) == (None, first)
    assert (publication["state"], publication["restores"]) == ("waiting", first)
    assert (await client.ask("GET", "/configuration")).json()["configuration_version"] == first + 1
    put = await client.ask("PUT", "/configuration", tag=tag, content=COUNCIL)
    assert put.status_code == 409
    await act(client, publication, "approve", name="olga", status=403)
    approved = await act(client, publication, "approve", name="quinn", why="read it")
    assert (approved["state"], approved["configuration_version"]) == ("published", first + 2)
    newest = (await client.ask("GET", "/configuration/versions")).json()["items"][0]
    assert (newest["restores"], newest["why"]) == (first, why["why"])
    assert (await client.ask("GET", "/configuration")).json()["source"] == COUNCIL


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"widens_at": "2099-01-01T00:00:00Z"}, "/widens_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
        ({"begins_at": "2099-01-02T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}, "/ends_at"),
        ({"rollout": 0}, "/rollout"),
    ],
)
async def test_a_plan_with_impossible_times_or_rollout_is_refused(
    client: RoutingApi, plan: Json, pointer: str
) -> None:
    refused = await publish(client, await client.draft(RATES), status=422, **plan)
    assert refused["errors"][0]["pointer"].endswith(pointer)
