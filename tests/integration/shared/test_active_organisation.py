"""A published version of the organisation reaches each service's database and process, and never goes back."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation, keep, newer
from antiphon.contracts import generate
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.customers import CustomerCreated
from antiphon.contracts.envelope import decode, encode
from antiphon.kafka.consumer import Received
from antiphon.organisation import document
from antiphon.organisation.organisation import Department
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from tests.conftest import NewDatabase
from tests.support.events import received

FILE = document.load(EXAMPLE)
CUSTOMER = CustomerCreated.model_validate(generate.example("customer.created.v1")["data"])
# By these names a reader sees which version it has.
NAMES = {1: "One", 2: "Two", 3: "Three"}


def published(number: int, *, rollout: int = 100) -> ConfigurationPublished:
    about = FILE.organisation.model_copy(update={"name": NAMES[number]})
    return ConfigurationPublished(
        configuration_version=number, rollout=rollout, by="olga", why=None, at=utc_now(), restores=None,
        organisation=FILE.model_copy(update={"organisation": about}) if rollout == 100 else None,
    )  # fmt: skip


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("case_mgmt")


async def handled(
    engine: AsyncEngine, organisation: ActiveOrganisation, *events: ConfigurationPublished | CustomerCreated
) -> list[int]:
    """Handles events as one batch; returns the version by which the others of the batch were handled."""
    by: list[int] = []

    async def handle(_tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
        assert all(isinstance(r.event, CustomerCreated) for r in batch)
        by.extend(organisation.current.number for _ in batch)

    async with engine.begin() as tx:
        await organisation.following(handle)(tx, received(events), utc_now())
    return by


async def kept(engine: AsyncEngine) -> tuple[int, str] | None:
    async with engine.connect() as connection:
        version = await newer(connection, 0)
    return version and (version.number, version.organisation.organisation.name)


@asynccontextmanager
async def following(engine: AsyncEngine) -> AsyncGenerator[ActiveOrganisation]:
    """A replica that started from the database and follows it."""
    organisation = await ActiveOrganisation.of_database(engine, EXAMPLE)
    task = asyncio.create_task(organisation.run(engine))
    try:
        yield organisation
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_versions_never_go_back_in_any_order_late_or_twice(engine: AsyncEngine) -> None:
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    for first in permutations((1, 2, 3)):
        for second in permutations((1, 2, 3), 2):
            async with engine.begin() as tx:
                await tx.execute(text("delete from organisation"))
            sent = [*first, *second]
            for place, number in enumerate(sent, 1):
                await handled(engine, organisation, published(number))
                newest = max(sent[:place])
                assert await kept(engine) == (newest, NAMES[newest])


async def test_of_one_batch_the_greatest_version_is_kept(engine: AsyncEngine) -> None:
    await handled(engine, ActiveOrganisation.of_file(EXAMPLE), *map(published, (2, 3, 1)))
    assert await kept(engine) == (3, "Three")


async def test_a_rollout_for_a_part_of_the_cases_changes_no_organisation(engine: AsyncEngine) -> None:
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    await handled(engine, organisation, published(1), published(2, rollout=50))
    assert await kept(engine) == (1, "One")


async def test_the_batch_after_a_version_works_by_it_and_its_own_batch_does_not(engine: AsyncEngine) -> None:
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    assert await handled(engine, organisation, published(2), CUSTOMER) == [0]
    assert await handled(engine, organisation, CUSTOMER) == [2]
    assert organisation.current.organisation.organisation.name == "Two"


async def test_a_version_whose_batch_was_rolled_back_is_not_active(engine: AsyncEngine) -> None:
    organisation = ActiveOrganisation.of_file(EXAMPLE)

    async def fail(_tx: AsyncConnection, _batch: Sequence[Received], _now: datetime) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with engine.begin() as tx:
            await organisation.following(fail)(tx, received([published(2), CUSTOMER]), utc_now())
    assert await handled(engine, organisation, CUSTOMER) == [0]
    assert await kept(engine) is None


async def test_events_retried_one_by_one_do_not_use_what_is_not_committed(engine: AsyncEngine) -> None:
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    by: list[int] = []

    async def handle(_tx: AsyncConnection, _batch: Sequence[Received], _now: datetime) -> None:
        by.append(organisation.current.number)

    async with engine.begin() as tx:
        for event in (published(2), CUSTOMER):
            async with tx.begin_nested():
                await organisation.following(handle)(tx, received([event]), utc_now())
    assert by == [0]
    assert await handled(engine, organisation, CUSTOMER) == [2]


async def test_all_replicas_follow_the_version_that_one_of_them_kept(engine: AsyncEngine) -> None:
    async with following(engine) as one, following(engine) as other:
        assert (one.current.number, other.current.number) == (0, 0)
        await handled(engine, one, published(2))
        async with asyncio.timeout(30):
            versions = await asyncio.gather(one.after(0), other.after(0))
    assert [(v.number, v.organisation.organisation.name) for v in versions] == [(2, "Two"), (2, "Two")]


async def test_a_restart_keeps_the_version_and_does_not_need_the_file(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    assert (await ActiveOrganisation.of_database(engine, EXAMPLE)).current == (0, FILE)
    await handled(engine, ActiveOrganisation.of_file(EXAMPLE), published(3))
    organisation = await ActiveOrganisation.of_database(engine, tmp_path / "no such file")
    assert (organisation.current.number, organisation.current.organisation) == (3, published(3).organisation)


async def test_the_document_is_the_same_after_event_and_database(engine: AsyncEngine) -> None:
    order = ["roads", "planning", "a last one"]
    departments = {name: Department(name=name, topics={f"z {name}": ["b", "a"], "a": []}) for name in order}
    whole = FILE.model_copy(update={"departments": departments})
    event = published(1).model_copy(update={"organisation": whole})
    record = encode(event, source="routing", time=utc_now())
    _, arrived = decode([(name, value.encode()) for name, value in record.headers.items()], record.value)
    assert isinstance(arrived, ConfigurationPublished)
    await handled(engine, ActiveOrganisation.of_file(EXAMPLE), arrived)
    organisation = (await ActiveOrganisation.of_database(engine, EXAMPLE)).current.organisation
    assert organisation == whole
    assert list(organisation.departments) == order
    assert list(organisation.departments["roads"].topics) == ["z roads", "a"]


async def test_fields_of_a_later_release_are_ignored_in_events_and_in_the_database(
    engine: AsyncEngine,
) -> None:
    example = generate.example("configuration.published.v1")
    data = example["data"]
    data["organisation"]["organisation"]["motto"] = "We answer"
    data["organisation"]["a section of next year"] = {}
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    _, event = decode(headers, json.dumps(data).encode())
    assert isinstance(event, ConfigurationPublished)
    assert event.organisation is not None
    await handled(engine, ActiveOrganisation.of_file(EXAMPLE), event)
    async with engine.begin() as tx:
        await tx.execute(
            text("update organisation set document = jsonb_set(cast(document as jsonb), '{tone,later}', '1')")
        )
    assert (await kept(engine)) == (data["configuration_version"], event.organisation.organisation.name)


async def test_the_same_version_again_only_says_when_it_was_published(engine: AsyncEngine) -> None:
    version = ActiveOrganisation.of_file(EXAMPLE).current._replace(number=4)
    async with engine.begin() as tx:
        before = utc_now()
        for _ in range(2):
            await keep(tx, version, before)
        row = (await tx.execute(text("select version, published_at from organisation"))).one()
    assert tuple(row) == (4, before)
