"""The real parts that tests stand on: one PostgreSQL and one Kafka a session, a database a test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from antiphon.postgres import migrations
from antiphon.postgres.engine import create_engine
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.site import Ports, Site
from deploy.world import Pds, jars

_SERIAL = itertools.count(1)
# How long an example takes says how busy the machine is. What was green is green again, until something changes:
# who looks for what no run has tried yet says `make test ARGS=--hypothesis-profile=search`.
settings.register_profile("search", deadline=None)
settings.register_profile("antiphon", settings.get_profile("search"), derandomize=True)
settings.load_profile("antiphon")


class _Apart(LoadFileScheduling):
    """Two tests run at once, on servers of their own: a file stays together, and so does all that needs the whole system."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """How tests are shared out among those who run them."""
    return _Apart(config, log)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Where this session's servers live."""
    return Site(tmp_path_factory.mktemp("ground"), Ports.free(), durable=False)


@pytest.fixture(scope="session")
def postgres(site: Site) -> Iterator[Postgres]:
    """A real PostgreSQL; without fsync, since no test here is about a power cut."""
    with Postgres(site.directory / "postgres", site.ports.postgres, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(site: Site) -> Iterator[Kafka]:
    """A real Kafka with all topics."""
    broker = Kafka(site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site))
    with broker:
        broker.create_topics()
        yield broker


@pytest.fixture(scope="session")
def pds(site: Site) -> Iterator[Pds]:
    """A real Bluesky PDS."""
    server = Pds(site)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Callable[[str], str]:
    """The name of a migrated database of a package, made once and cloned by `new_database`."""
    made: dict[str, str] = {}

    def name_of(package: str) -> str:
        if package not in made:
            name = f"template_{package}"
            postgres.create_database(name)
            asyncio.run(migrations.upgrade(postgres.url(name), package))
            made[package] = name
        return made[package]

    return name_of


NewDatabase = Callable[[str], Awaitable[AsyncEngine]]


@pytest.fixture
async def new_database(postgres: Postgres, template: Callable[[str], str]) -> AsyncIterator[NewDatabase]:
    """Makes an engine on a fresh database with the tables of a package, for this test alone."""
    engines: list[tuple[AsyncEngine, str]] = []

    async def make(package: str) -> AsyncEngine:
        origin = await asyncio.to_thread(template, package)
        name = f"test_{next(_SERIAL)}"
        await asyncio.to_thread(
            postgres.sql, "postgres", f"create database {name} template {origin} owner {origin}"
        )
        engine = create_engine(postgres.url(origin).rsplit("/", 1)[0] + f"/{name}")
        engines.append((engine, name))
        return engine

    yield make
    for engine, name in engines:
        await engine.dispose()
        await asyncio.to_thread(postgres.sql, "postgres", f"drop database {name} with (force)")
