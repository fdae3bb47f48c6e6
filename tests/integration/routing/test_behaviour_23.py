"""Behaviour 23: a draft is tried on a week of history, published atomically, carried by every later decision, rolled back at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from antiphon.process.clock import utc_now
from routing.configuration.active import Configurations
from tests.conftest import NewDatabase
from tests.support.routing.api import RoutingApi, case, opened_api

RATES = (
    "then: { queue: rates, priority: 40, skills: { rates: 3 } }",
    "then: { queue: social-care, priority: 40 }",
)


@pytest.fixture
async def client(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[RoutingApi]:
    async with opened_api(await new_database("routing"), tmp_path) as made:
        yield made


async def test_23_a_draft_is_tried_on_seven_days_published_atomically_and_rolled_back_within_a_minute(
    client: RoutingApi,
) -> None:
    live = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    for day in range(7):
        await client.apply(*(case(day * 10 + n, ("rates", "roads")[n % 2]) for n in range(10)))
        async with client.engine.begin() as tx:  # a day ago, and answered an hour after it came
            for table, columns in (("decision", ("at",)), ("clock", ("started_at", "due_at"))):
                moved = ", ".join(f"{column} = {column} - interval '1 day'" for column in columns)
                await tx.execute(text(f"update {table} set {moved}"))
    async with client.engine.begin() as tx:
        await tx.execute(text("update clock set met_at = started_at + interval '1 hour'"))
    draft = await client.draft(RATES)
    since = (utc_now() - timedelta(days=8)).isoformat()
    report = (await client.trial(draft["draft_id"], last=1000, since=since))["result"]
    assert (report["decisions"], report["elsewhere"]) == (70, 35)
    assert report["from_to"] == [{"from_queue": "rates", "to_queue": "social-care", "items": 35}]
    # An hour is within four of office time, and not within a quarter of one around the clock.
    assert report["first_response"]["newly_missed_by_queue"] == [{"queue": "social-care", "items": 35}]

    replicas = [Configurations() for _ in range(3)]

    async def goes_on(first: int) -> None:
        for n in range(first, first + 10):
            client.configurations = replicas[n % 3]
            await client.apply(case(n, "rates"))

    path = f"/drafts/{draft['draft_id']}/publish"
    publishing = client.ask("POST", path, tag=draft["etag"], json={"why": "the flood of rates notices"})
    _, published = await asyncio.gather(goes_on(100), publishing)
    version = published.json()["configuration_version"]
    await goes_on(200)
    rows = await client.rows(
        "select d.version, w.queue from decision d join work_item w using (work_item_id) "
        "where d.at > now() - interval '12 hours' order by d.at"
    )
    versions = [row.version for row in rows]
    assert versions == sorted(versions)
    assert {(row.version, row.queue) for row in rows} <= {(live, "rates"), (version, "social-care")}
    assert versions[-10:] == [version] * 10

    began = time.monotonic()
    back = await client.ask(
        "POST", "/configuration/back", tag=str(version), json={"why": "too much for Grace"}
    )
    await goes_on(300)
    assert time.monotonic() - began < 60
    newest = await client.rows("select version from decision order by at desc limit 10")
    assert {row.version for row in newest} == {back.json()["configuration_version"]}
    audit = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [(line["loaded_by"], line["why"], line["restores"]) for line in audit[:2]] == [
        ("olga", "too much for Grace", live),
        ("olga", "the flood of rates notices", None),
    ]
    told = await client.ask("GET", f"/configuration/versions/{live}/difference?to={version}")
    assert told.json()["differences"] == [
        "rule 'Rates': queue rates → social-care",
        "rule 'Rates': skill rates removed",
    ]
