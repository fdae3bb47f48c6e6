"""What routing publishes of the organisation: whole, in order, again at each start and once a day."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon.contracts.envelope import MAX_EVENT_BYTES
from antiphon.process.clock import utc_now
from routing.configuration.active import Configurations
from routing.configuration.republication import publish_again
from tests.conftest import NewDatabase
from tests.support.routing.api import COUNCIL, RoutingApi, opened_api

RATES = ("queue: rates, priority: 40", "queue: rates, priority: 60")
DAY = timedelta(days=1)


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def published(client: RoutingApi) -> list[dict[str, Any]]:
    """The data of the events that say that a version is active, in order."""
    rows = await client.rows("select value, headers from outbox where topic = 'configuration' order by id")
    events = [
        json.loads(bytes(row.value))
        for row in rows
        if json.loads(row.headers)["ce_type"] == "configuration.published.v1"
    ]
    sizes = [len(bytes(row.value)) for row in rows]
    assert max(sizes) < MAX_EVENT_BYTES
    return events


async def publish(client: RoutingApi, *changes: tuple[str, str], **options: Any) -> dict[str, Any]:
    draft = await client.draft(*changes)
    path = f"/drafts/{draft['draft_id']}/publish"
    answer = await client.ask("POST", path, tag=draft["etag"], json={"why": "rates day"} | options)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_event_has_the_whole_organisation_and_a_rollout_has_none(client: RoutingApi) -> None:
    publication = (await publish(client, RATES, rollout=20))["publication"]
    await client.ask("POST", f"/publications/{publication['publication_id']}/widen",
                     json={"rollout": 100, "why": "no complaints"})  # fmt: skip
    first, limited, widened = await published(client)
    assert (limited["rollout"], limited["organisation"]) == (20, None)
    assert (widened["rollout"], widened["configuration_version"]) == (100, limited["configuration_version"])
    for event in (first, widened):
        document = event["organisation"]
        assert document["organisation"]["region"] == "AU"
        assert list(document["departments"]) == list(yaml.safe_load(COUNCIL)["departments"])


async def test_a_version_is_published_again_by_one_replica_with_the_same_data(client: RoutingApi) -> None:
    await publish(client, RATES)
    now = utc_now()
    versions: list[int | None] = []
    for replica in (Configurations(), Configurations()):
        async with client.engine.begin() as tx:
            versions.append(await publish_again(tx, replica, now + DAY, now + timedelta(seconds=1)))
    assert versions == [2, None]
    _, second, again = await published(client)
    assert again == second


async def test_a_version_that_was_just_published_is_not_published_again(client: RoutingApi) -> None:
    now = utc_now()
    async with client.engine.begin() as tx:
        assert await publish_again(tx, client.configurations, now, now - timedelta(minutes=1)) is None
    assert len(await published(client)) == 1


async def test_during_a_rollout_the_version_of_the_other_cases_is_published_again(client: RoutingApi) -> None:
    await publish(client, RATES, rollout=20)
    now = utc_now()
    async with client.engine.begin() as tx:
        assert await publish_again(tx, client.configurations, now + DAY, now + timedelta(seconds=1)) == 1
    assert (await published(client))[-1]["rollout"] == 100


async def test_an_organisation_that_no_event_can_carry_is_a_fault_with_its_size(client: RoutingApi) -> None:
    word = "\u9053" * 400_000  # of three bytes
    draft = await client.draft(("      footpath: [", f"      footpath: [{word}, "))
    (fault,) = draft["faults"]
    assert fault["pointer"] == "(file)"
    assert re.match(r"has 12\d{5} bytes in its event, and may have 950000", fault["detail"])
    path = f"/drafts/{draft['draft_id']}/publish"
    answer = await client.ask("POST", path, tag=draft["etag"], json={"why": "w"})
    assert (answer.status_code, len(await published(client))) == (422, 1)
