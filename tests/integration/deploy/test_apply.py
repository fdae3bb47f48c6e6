"""`make apply` publishes an organisation's file by routing's API, and says in words what that changes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.process.clock import utc_now
from deploy.apply import NotAppliedError, apply, run
from deploy.site import EXAMPLE, Ports, Site
from routing.configuration import organisation_file
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, opened_api

RATES = ("queue: rates, priority: 40", "queue: rates, priority: 60")
CHANGED = COUNCIL.replace(*RATES)
FILE = "deploy/example/council.yaml"
APPROVAL = COUNCIL + "\npublishing: { needs_approval: true }\n"


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def applied(client: RoutingApi, source: str) -> list[str]:
    """The lines that it shows of a file with this text."""
    shown: list[str] = []
    async with client.client_of("olga") as http:
        await apply(http, FILE, source, "Rates are due", shown.append)
    return shown


async def states(client: RoutingApi) -> list[str]:
    return [draft["state"] for draft in (await client.ask("GET", "/drafts")).json()["items"]]


async def test_a_changed_file_is_published_with_its_difference_in_words(client: RoutingApi) -> None:
    assert await applied(client, CHANGED) == ["  rule 'Rates': priority 40 → 60", "Version 2 is active."]
    active = (await client.ask("GET", "/configuration")).json()
    assert (active["loaded_by"], active["source"]) == ("olga", CHANGED)


async def test_an_unchanged_file_says_so_and_publishes_nothing(client: RoutingApi) -> None:
    assert await applied(client, COUNCIL) == [f"Nothing changes: version 1 says what {FILE} says."]
    assert await states(client) == []


async def test_a_faulty_file_shows_each_fault_with_line_and_column_and_leaves_no_draft(
    client: RoutingApi,
) -> None:
    line = COUNCIL.count("\n") + 2
    with pytest.raises(NotAppliedError) as error:
        await applied(client, COUNCIL + "\nfallback_queue: ratse\n")
    assert str(error.value).startswith(
        f"{FILE}:{line}:17: fallback_queue: unknown queue 'ratse', did you mean"
    )
    assert await states(client) == ["discarded"]


async def test_where_a_second_person_must_approve_it_names_the_publication_that_waits(
    client: RoutingApi,
) -> None:
    await client.load(APPROVAL)
    changed = APPROVAL.replace(*RATES)
    *_, line = await applied(client, changed)
    (publication,) = (await client.ask("GET", "/publications")).json()["items"]
    assert line.startswith(f"The publication {publication['publication_id']} waits for a second person")
    (again,) = await applied(client, changed)
    assert again == f"It was asked for already. {line}"
    assert len((await client.ask("GET", "/publications")).json()["items"]) == 1


async def test_during_a_rollout_the_file_is_refused_with_the_reason_and_leaves_no_draft(
    client: RoutingApi,
) -> None:
    draft = await client.draft(RATES)
    rollout = {"why": "w", "rollout": 20}
    await client.ask("POST", f"/drafts/{draft['draft_id']}/publish", tag=draft["etag"], json=rollout)
    with pytest.raises(NotAppliedError, match="Version 2 decides about 20 % of the cases"):
        await applied(client, COUNCIL.replace("priority: 30", "priority: 31"))
    assert sorted(await states(client)) == ["discarded", "published"]


async def test_the_draft_that_routing_made_of_the_file_is_the_one_that_is_published(
    client: RoutingApi,
) -> None:
    async with client.engine.begin() as tx:
        await organisation_file.load(tx, CHANGED, "council.yaml", utc_now())
    await client.load(COUNCIL + "\n# another version became active meanwhile\n")
    assert (await applied(client, CHANGED))[-1] == "Version 3 is active."
    assert await states(client) == ["published"]


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    for name in ("latin.yaml", "none.yaml"):
        shown: list[str] = []
        assert run(Site(tmp_path), tmp_path / name, "w", "olga", shown.append) == 1
        assert str(tmp_path / name) in shown[0]


def test_without_routing_it_says_what_starts_it(tmp_path: Path) -> None:
    shown: list[str] = []
    assert run(Site(tmp_path, Ports.free()), EXAMPLE, "w", "olga", shown.append) == 1
    assert shown == ["routing does not answer (ConnectError); make up starts it"]
