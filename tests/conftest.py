"""Real servers for tests: one PostgreSQL and one Kafka a session, one database a test."""

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
# No deadline: the time of an example depends on the load of the machine. Examples are the same in each run, so that a test that
# passed passes again; `make test ARGS=--hypothesis-profile=search` tries new ones.
settings.register_profile("search", deadline=None)
settings.register_profile("antiphon", settings.get_profile("search"), derandomize=True)
settings.load_profile("antiphon")


class _FileScheduling(LoadFileScheduling):
    """Gives each worker whole files. Those that share a whole system are one: the end-to-end tests, and the browser's."""

    def _split_scope(self, nodeid: str) -> str:
        shared = [folder for folder in ("tests/e2e/", "tests/browser/") if nodeid.startswith(folder)]
        return shared[0] if shared else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """How pytest-xdist distributes tests to its workers."""
    return _FileScheduling(config, log)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The directory and the ports of this session's servers."""
    return Site(tmp_path_factory.mktemp("servers"), Ports.free(), durable=False)


@pytest.fixture(scope="session")
def postgres(site: Site) -> Iterator[Postgres]:
    """A real PostgreSQL, without fsync: no test here is about a power cut."""
    with Postgres(site.directory / "postgres", site.ports.postgres, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(site: Site) -> Iterator[Kafka]:
    """A real Kafka with all topics of the contracts."""
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
    """Returns the name of a migrated database of a package; migrates it at the first call. `new_database` clones it."""
    names: dict[str, str] = {}

    def name_of(package: str) -> str:
        if package not in names:
            name = f"template_{package}"
            postgres.create_database(name)
            asyncio.run(migrations.upgrade(postgres.url(name), package))
            names[package] = name
        return names[package]

    return name_of


NewDatabase = Callable[[str], Awaitable[AsyncEngine]]


@pytest.fixture
async def new_database(postgres: Postgres, template: Callable[[str], str]) -> AsyncIterator[NewDatabase]:
    """Returns an engine on a new database with the tables of a package, which is dropped after the test."""
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
