import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from antiphon.service_names import SERVICES
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.site import Site
from deploy.world import Pds
from tests.ledgers.system import System
from tests.ledgers.wiring import open_system


@pytest.fixture(scope="module")
async def system(
    site: Site, postgres: Postgres, kafka: Kafka, pds: Pds, template: Callable[[str], str]
) -> AsyncIterator[System]:
    """The six services on new databases."""

    def database_of(package: str) -> str:
        origin = template(package)
        name = f"cost_{package}"
        postgres.sql("postgres", f"drop database if exists {name} with (force)")
        postgres.sql("postgres", f"create database {name} template {origin} owner {origin}")
        return postgres.url(origin).rsplit("/", 1)[0] + f"/{name}"

    databases = {
        service: await asyncio.to_thread(database_of, service.replace("-", "_")) for service in SERVICES
    }
    async with open_system(site, postgres, kafka, pds, databases) as opened:
        yield opened
