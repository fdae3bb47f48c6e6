"""A draft is tried on a week of decisions, published atomically, named by every later decision, and rolled back at once."""

import asyncio
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


async def test_23_a_draft_is_tried_on_a_week_published_atomically_and_rolled_back_at_once(
    client: RoutingApi,
) -> None:
    before = (await client.ask("GET", "/configuration")).json()["configuration_version"]
    for day in range(7):
        await client.apply(*(case(day * 10 + n, ("rates", "roads")[n % 2]) for n in range(10)))
        async with client.engine.begin() as tx:  # they are a day older, and answered after an hour
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
    # An hour is within the target of 4 office hours, and beyond that of 15 minutes around the clock.
    assert report["first_response"]["newly_missed_by_queue"] == [{"queue": "social-care", "items": 35}]

    replicas = [Configurations() for _ in range(3)]

    async def apply_ten(first: int) -> None:
        for n in range(first, first + 10):
            client.configurations = replicas[n % 3]
            await client.apply(case(n, "rates"))

    path = f"/drafts/{draft['draft_id']}/publish"
    publishing = client.ask("POST", path, tag=draft["etag"], json={"why": "the flood of rates notices"})
    _, published = await asyncio.gather(apply_ten(100), publishing)
    version = published.json()["configuration_version"]
    await apply_ten(200)
    rows = await client.rows(
        "select d.version, w.queue from decision d join work_item w using (work_item_id) "
        "where d.at > now() - interval '12 hours' order by d.at"
    )
    versions = [row.version for row in rows]
    assert versions == sorted(versions)
    assert {(row.version, row.queue) for row in rows} <= {(before, "rates"), (version, "social-care")}
    assert versions[-10:] == [version] * 10

    rollback = await client.ask(
        "POST", "/configuration/back", tag=str(version), json={"why": "too much for Grace"}
    )
    await apply_ten(300)
    newest = await client.rows("select version from decision order by at desc limit 10")
    assert {row.version for row in newest} == {rollback.json()["configuration_version"]}
    audit = (await client.ask("GET", "/configuration/versions")).json()["items"]
    assert [(line["loaded_by"], line["why"], line["restores"]) for line in audit[:2]] == [
        ("olga", "too much for Grace", before),
        ("olga", "the flood of rates notices", None),
    ]
    difference = await client.ask("GET", f"/configuration/versions/{before}/difference?to={version}")
    assert difference.json()["differences"] == [
        "rule 'Rates': queue rates → social-care",
        "rule 'Rates': skill rates removed",
    ]
