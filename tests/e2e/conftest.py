"""The whole system, once for all these tests: durable PostgreSQL, Kafka, mail server, PDS, six services."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from deploy.site import Ports, Site
from deploy.stack import Stack
from tests.support.people import People


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(Site(tmp_path_factory.mktemp("stack"), Ports.free())) as running:
        yield running


@pytest.fixture
async def people(stack: Stack) -> AsyncIterator[People]:
    """Customers, agents and supervisors. At the end every agent signs off."""
    async with httpx.AsyncClient(timeout=30) as http:
        everybody = People(stack, http)
        yield everybody
        for agent in list(everybody.present):
            await everybody.presence(agent, "offline")
