"""What operations publish at routing is what the other services work by, on the real broker."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.envelope import encode
from antiphon.kafka import outbox
from antiphon.process.clock import utc_now
from customer_profile import consumer
from deploy.kafka import Kafka
from deploy.site import EXAMPLE, Site
from tests.conftest import NewDatabase
from tests.support.consuming import relaying
from tests.support.events import spoken
from tests.support.routing.api import RoutingApi, opened_api
from tests.support.waiting import until

LIBRARY = ("departments:\n", "departments:\n  library: { name: Library, topics: { loan: [quokka] } }\n")
# No other test of this session publishes a version that is as great.
FIRST = 500_000


@asynccontextmanager
async def running(*parts: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def publish(api: RoutingApi, *changes: tuple[str, str]) -> int:
    draft = await api.draft(*changes)
    path = f"/drafts/{draft['draft_id']}/publish"
    answer = await api.ask("POST", path, tag=draft["etag"], json={"why": "Books are borrowed"})
    assert answer.status_code == 200, answer.text
    return answer.json()["configuration_version"]


async def readings(engine: AsyncEngine, words: str) -> list[dict[str, Any]]:
    """What customer-profile published that it had read in these words."""
    query = "select value from outbox where topic = 'identified-interactions' order by id"
    async with engine.connect() as connection:
        events = [json.loads(bytes(row.value)) for row in await connection.execute(text(query))]
    return [event["reading"] for event in events if event["interaction"]["content"]["text"] == words]


async def test_a_published_department_is_read_by_customer_profile_without_a_restart(
    new_database: NewDatabase, kafka: Kafka, site: Site
) -> None:
    routing, profile = await new_database("routing"), await new_database("customer_profile")
    async with routing.begin() as tx:
        await tx.execute(text(f"alter table configuration alter column version restart with {FIRST}"))
    consuming = await ActiveOrganisation.of_database(profile, EXAMPLE)
    replica = await ActiveOrganisation.of_database(profile, EXAMPLE)
    interactions, _ = consumer.consumers(profile, kafka.bootstrap, consuming, utc_now, "1")
    async with (
        opened_api(routing, site.secrets) as api,
        relaying(routing, kafka),
        running(interactions.run(), consuming.run(profile), replica.run(profile)),
    ):
        version = await publish(api, LIBRARY)
        for organisation in (consuming, replica):

            async def follows(organisation: ActiveOrganisation = organisation) -> bool:
                return organisation.current.number == version

            await until(follows, what="the version in each replica")
        words = f"Where is my quokka of {version}?"
        async with routing.begin() as tx:
            event = spoken("email:ada@mail.example", text=words)
            await outbox.publish(tx, [encode(event, source="test", time=utc_now())])
        (reading,) = await until(lambda: readings(profile, words), what="the reading")
    assert (reading["department"], reading["topics"]) == ("library", ["loan"])
    assert reading["configuration_version"] == version == FIRST + 1
