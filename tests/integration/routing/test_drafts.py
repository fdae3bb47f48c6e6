"""Drafts: several people edit one, it is checked, published once and rolled back; published versions never change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from antiphon.access.roles import Role
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, case, opened_api

RATES = "{ queue: rates, priority: 40,", "{ queue: rates, priority: 60,"
ROADS = "{ queue: roads, priority: 40,", "{ queue: roads, priority: 45,"


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def publish(client: RoutingApi, draft: dict[str, str], why: str = "rates day", **options: str) -> int:
    path = f"/drafts/{draft['draft_id']}/publish"
    answer = await client.ask("POST", path, tag=draft["etag"], json={"why": why, **options})
    assert answer.status_code == 200, answer.text
    version: int = answer.json()["configuration_version"]
    return version


async def test_a_published_draft_makes_the_next_decision_which_names_its_version(client: RoutingApi) -> None:
    before = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    await client.apply(case(1, "rates"))
    draft = await client.draft(RATES)
    version = await publish(client, draft)
    await client.apply(case(2, "rates"))
    decisions = await client.rows(
        "select d.version, w.priority from decision d join work_item w using (work_item_id) order by w.case_id"
    )
    assert [tuple(row) for row in decisions] == [(before, 40), (version, 60)]
    lines = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [(line["configuration_version"], line["state"]) for line in lines] == [
        (version, "published"),
        (before, "superseded"),
    ]
    assert (lines[0]["loaded_by"], lines[0]["why"]) == ("olga", "rates day")
    assert lines[0]["draft_id"] == draft["draft_id"]
    assert (await client.ask("GET", f"/drafts/{draft['draft_id']}")).json()[
        "configuration_version"
    ] == version
    old = (await client.ask("GET", f"/configuration/versions/{before}")).json()
    assert old["source"] == COUNCIL


async def test_two_people_who_save_one_draft_do_not_overwrite_each_other(client: RoutingApi) -> None:
    draft = await client.draft()
    path = f"/drafts/{draft['draft_id']}"
    body = {"name": "A change", "why": "to see", "source": COUNCIL}
    assert (await client.ask("PUT", path, json=body)).status_code == 428
    answers = await asyncio.gather(
        *(
            client.ask("PUT", path, tag=draft["etag"], name=name, json={**body, "why": name})
            for name in ("a", "b", "c")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    (saved,) = [answer for answer in answers if answer.status_code == 200]
    current = await client.ask("GET", path)
    assert (current.json()["why"], current.headers["ETag"]) == (saved.json()["why"], saved.headers["ETag"])
    (refused, _) = [answer for answer in answers if answer.status_code == 412]
    assert refused.json()["changed_by"] == current.json()["changed_by"]
    again = await client.ask("PUT", path, tag=current.headers["ETag"], json={**body, "why": "after reading"})
    assert again.status_code == 200


async def test_a_faulty_draft_is_kept_with_its_faults_and_never_published(client: RoutingApi) -> None:
    draft = await client.draft(("queue: rates, priority", "queue: rats, priority"))
    (fault,) = draft["faults"]
    line = next(n for n, text in enumerate(draft["source"].split("\n"), 1) if "queue: rats" in text)
    assert (fault["line"], fault["column"]) == (line, draft["source"].split("\n")[line - 1].index("rats") + 1)
    assert "did you mean 'rates'?" in fault["detail"]
    path = f"/drafts/{draft['draft_id']}"
    refused = await client.ask("POST", f"{path}/publish", tag=draft["etag"], json={"why": "no"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["line"] == line
    assert (await client.ask("POST", f"{path}/trial", json={})).status_code == 422
    stored = (await client.ask("GET", path)).json()
    assert (stored["state"], stored["revision"]) == ("draft", 1)


async def test_a_draft_that_is_no_yaml_is_kept_and_has_no_difference(client: RoutingApi) -> None:
    made = await client.ask("POST", "/drafts", json={"name": "x", "why": "y", "source": "rules: [\n"})
    assert made.status_code == 201
    (fault,) = made.json()["faults"]
    assert fault["line"] == 2
    assert (await client.ask("GET", f"/drafts/{made.json()['draft_id']}/difference")).status_code == 409


async def test_a_draft_as_json_is_the_same_model_and_its_faults_have_lines_too(client: RoutingApi) -> None:
    parts = yaml.load(COUNCIL, yaml.BaseLoader)  # noqa: S506 - every value is a text
    made = await client.ask(
        "POST", "/drafts", json={"name": "By program", "why": "a test", "configuration": parts}
    )
    assert made.json()["faults"] == []
    difference = (await client.ask("GET", f"/drafts/{made.json()['draft_id']}/difference")).json()
    assert difference["differences"] == []
    parts["rules"][2]["then"]["queue"] = "rats"
    path, tag = f"/drafts/{made.json()['draft_id']}", made.headers["ETag"]
    body = {"name": "By program", "why": "a test", "configuration": parts}
    saved = (await client.ask("PUT", path, tag=tag, json=body)).json()
    (fault,) = saved["faults"]
    assert saved["source"].split("\n")[fault["line"] - 1].strip().startswith('"queue": "rats"')
    both = await client.ask("POST", "/drafts", json=body | {"source": COUNCIL})
    assert both.status_code == 422
    for configuration in ('{"a":' * 900 + "1" + "}" * 900, '{"a": "\\ud800"}', '{"a": "\\u0000"}'):
        content = f'{{"name": "x", "why": "y", "configuration": {configuration}}}'
        answer = await client.ask(
            "POST", "/drafts", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {201, 400, 413, 422}, answer.text


async def test_a_draft_of_a_superseded_version_is_refused_with_the_changes_since(client: RoutingApi) -> None:
    mine, theirs = await client.draft(RATES, name="mine"), await client.draft(ROADS, name="theirs")
    version = await publish(client, theirs)
    path = f"/drafts/{mine['draft_id']}"
    refused = await client.ask("POST", f"{path}/publish", tag=mine["etag"], json={"why": "mine"})
    assert refused.status_code == 409
    assert refused.json()["active_version"] == version
    assert refused.json()["changed_since"] == ["rule 'Roads': priority 40 → 45"]
    undone = (await client.ask("GET", f"{path}/difference")).json()["differences"]
    assert undone == ["rule 'Rates': priority 40 → 60", "rule 'Roads': priority 45 → 40"]
    both = COUNCIL.replace(*RATES).replace(*ROADS)
    body = {"name": "mine", "why": "both", "source": both, "base_version": version}
    conflict = await client.ask("PUT", path, tag=mine["etag"], json=body | {"base_version": version - 1})
    assert conflict.status_code == 409
    saved = await client.ask("PUT", path, tag=mine["etag"], json=body)
    assert saved.status_code == 200
    assert await publish(client, {**mine, "etag": saved.headers["ETag"]}) == version + 1


async def test_of_two_drafts_that_are_published_at_once_one_becomes_active(client: RoutingApi) -> None:
    drafts = [await client.draft(RATES, name="a"), await client.draft(ROADS, name="b")]
    answers = await asyncio.gather(
        *(
            client.ask("POST", f"/drafts/{d['draft_id']}/publish", tag=d["etag"], json={"why": d["name"]})
            for d in drafts
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len((await client.ask("GET", "/configuration/versions")).json()["items"]) == 2


async def test_a_draft_that_changes_nothing_and_one_that_was_published_are_refused(
    client: RoutingApi,
) -> None:
    same, draft = await client.draft(), await client.draft(RATES)
    unchanged = await client.ask(
        "POST", f"/drafts/{same['draft_id']}/publish", tag=same["etag"], json={"why": "x"}
    )
    assert unchanged.status_code == 409
    await publish(client, draft)
    path = f"/drafts/{draft['draft_id']}"
    tag = (await client.ask("GET", path)).headers["ETag"]
    body = {"name": "x", "why": "y", "source": COUNCIL}
    assert (await client.ask("PUT", path, tag=tag, json=body)).status_code == 409
    assert (await client.ask("DELETE", path, tag=tag)).status_code == 409
    discarded = await client.ask("DELETE", f"/drafts/{same['draft_id']}", tag=same["etag"])
    assert discarded.json()["state"] == "discarded"


async def test_a_rollback_is_a_new_version_and_keeps_the_history(client: RoutingApi) -> None:
    first = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    refused = await client.ask("POST", "/configuration/back", tag=f'"{first}"', json={"why": "x"})
    assert refused.status_code == 409
    second = await publish(client, await client.draft(RATES))
    why = {"why": "rates waited too long"}
    assert (await client.ask("POST", "/configuration/back", json=why)).status_code == 428
    assert (await client.ask("POST", "/configuration/back", tag=f'"{first}"', json=why)).status_code == 412
    answers = await asyncio.gather(
        *(client.ask("POST", "/configuration/back", tag=f'"{second}"', json=why) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    active = (await client.ask("GET", "/configuration")).json()
    assert (active["configuration_version"], active["source"]) == (second + 1, COUNCIL)
    lines = (await client.ask("GET", "/configuration/versions", params={"limit": 2})).json()
    assert [(line["configuration_version"], line["restores"]) for line in lines["items"]] == [
        (second + 1, first),
        (second, None),
    ]
    assert lines["items"][0]["why"] == why["why"]
    rest = await client.ask("GET", "/configuration/versions", params={"cursor": lines["next"]})
    assert [line["configuration_version"] for line in rest.json()["items"]] == [first]
    difference = await client.ask("GET", f"/configuration/versions/{first}/difference", params={"to": second})
    assert difference.json()["differences"] == ["rule 'Rates': priority 40 → 60"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.MANAGER, Role.INTEGRATION])
async def test_only_operations_change_the_active_version(client: RoutingApi, role: Role) -> None:
    draft = await client.draft(RATES)
    path = f"/drafts/{draft['draft_id']}"
    for verb, route in (
        ("POST", "/drafts"), ("PUT", path), ("DELETE", path), ("POST", f"{path}/publish"), ("POST", f"{path}/trial"),
        ("POST", "/configuration/back"),
    ):  # fmt: skip
        answer = await client.ask(verb, route, role=role, tag=draft["etag"], json={"why": "x"})
        assert answer.status_code == 403
