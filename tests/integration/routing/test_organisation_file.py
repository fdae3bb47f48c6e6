"""The organisation's file seeds an empty system; a file that changes later is a draft, and what people published stays."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from antiphon.organisation.document import ConfigurationError
from antiphon.process.clock import utc_now
from routing.configuration import organisation_file
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, opened_api

RATES = ("queue: rates, priority: 40", "queue: rates, priority: 60")
TREES = COUNCIL.replace(*RATES)
ROADS = COUNCIL.replace("name: Roads and footpaths", "name: Roads")


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    """A system that the example file has seeded."""
    async with opened_api(await new_database("routing"), tmp_path, seeded=False) as made:
        await start(made, COUNCIL)
        yield made


async def start(client: RoutingApi, source: str) -> list[Any]:
    """A start of routing with a file; returns what it logged of it."""
    with capture_logs() as logged:
        async with client.engine.begin() as tx:
            await organisation_file.load(tx, source, "council.yaml", utc_now())
    return [entry for entry in logged if "draft" in entry]


async def active(client: RoutingApi) -> tuple[int, str, str]:
    answer = (await client.ask("GET", "/configuration")).json()
    return answer["configuration_version"], answer["loaded_by"], answer["source"]


async def drafts(client: RoutingApi) -> list[dict[str, Any]]:
    """All drafts with their sources, the last changed first."""
    lines = (await client.ask("GET", "/drafts")).json()["items"]
    return [(await client.ask("GET", f"/drafts/{line['draft_id']}")).json() for line in lines]


async def test_a_file_seeds_an_empty_system_and_the_same_file_changes_nothing(client: RoutingApi) -> None:
    assert await active(client) == (1, "organisation file", COUNCIL)
    assert await start(client, COUNCIL) == []
    assert await active(client) == (1, "organisation file", COUNCIL)
    assert await drafts(client) == []


async def test_a_faulty_file_does_not_seed_an_empty_system(new_database: NewDatabase) -> None:
    engine = await new_database("routing")
    with pytest.raises(ConfigurationError, match=r"council\.yaml:\d+:\d+: fallback_queue"):
        async with engine.begin() as tx:
            await organisation_file.load(tx, COUNCIL + "\nfallback_queue: none\n", "council.yaml", utc_now())


async def test_a_changed_file_is_a_draft_whose_difference_is_logged_in_words(client: RoutingApi) -> None:
    (entry,) = await start(client, TREES)
    assert entry["differences"] == ["rule 'Rates': priority 40 → 60"]
    (draft,) = await drafts(client)
    assert entry["draft"] == draft["draft_id"]
    assert (draft["name"], draft["created_by"], draft["source"]) == (
        "File council.yaml", "organisation file", TREES,
    )  # fmt: skip
    assert await active(client) == (1, "organisation file", COUNCIL)


async def test_an_open_draft_of_the_file_is_saved_anew_and_the_same_file_is_not(client: RoutingApi) -> None:
    for source in (TREES, TREES, ROADS, ROADS):
        await start(client, source)
    (draft,) = await drafts(client)
    assert (draft["source"], draft["revision"]) == (ROADS, 2)


async def test_a_faulty_changed_file_is_a_draft_with_its_faults_and_routing_starts(
    client: RoutingApi,
) -> None:
    for source in (COUNCIL + "\nfallback_queue: none\n", "rules: [", "name: \x00"):
        (entry,) = await start(client, source)
        (draft,) = await drafts(client)
        assert entry["faults"]
        assert draft["faults"]
    assert (await active(client))[0] == 1


async def test_what_people_wrote_into_the_draft_of_a_file_is_not_overwritten(client: RoutingApi) -> None:
    await start(client, TREES)
    (draft,) = await drafts(client)
    body = {"name": "Ours", "why": "better", "source": TREES.replace("Rates\n", "Rates!\n")}
    saved = await client.ask("PUT", f"/drafts/{draft['draft_id']}", tag='"1"', json=body)
    assert saved.status_code == 200
    await start(client, ROADS)
    assert [one["source"] for one in await drafts(client)] == [ROADS, body["source"]]


@pytest.mark.parametrize("what", ["published", "discarded"])
async def test_a_file_that_was_published_or_discarded_makes_no_draft_again(
    client: RoutingApi, what: str
) -> None:
    await start(client, TREES)
    (draft,) = await drafts(client)
    path = f"/drafts/{draft['draft_id']}"
    if what == "published":
        done = await client.ask("POST", f"{path}/publish", tag='"1"', json={"why": "as the file says"})
    else:
        done = await client.ask("DELETE", path, tag='"1"')
    assert done.status_code == 200
    assert await start(client, TREES) == []
    (draft,) = await drafts(client)
    assert draft["state"] == what


async def test_a_file_that_became_the_active_version_again_discards_its_draft(client: RoutingApi) -> None:
    await start(client, TREES)
    assert await start(client, COUNCIL) == []
    (draft,) = await drafts(client)
    assert draft["state"] == "discarded"


async def test_a_draft_of_the_file_is_of_the_version_that_was_active_at_the_start(client: RoutingApi) -> None:
    ours = await client.draft(RATES)
    await client.ask("POST", f"/drafts/{ours['draft_id']}/publish", tag=ours["etag"], json={"why": "w"})
    (entry,) = await start(client, ROADS)
    assert max(entry["differences"]) == "rule 'Rates': priority 60 → 40"
    (draft, _) = await drafts(client)
    assert draft["base_version"] == 2
