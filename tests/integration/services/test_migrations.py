"""The tables that the code names are the tables that the revisions make."""

import asyncio
import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from antiphon.postgres import migrations, revisions
from antiphon.postgres.engine import create_engine
from antiphon.service_names import PROCESSES
from deploy.postgres import Postgres
from tests.conftest import NewDatabase


@pytest.mark.parametrize("service", PROCESSES)
async def test_revisions_and_tables_agree(new_database: NewDatabase, service: str) -> None:
    package = service.replace("-", "_")
    store = importlib.import_module(f"{package}.store")
    engine = await new_database(package)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), store.METADATA))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("service", PROCESSES)
def test_the_newest_revision_by_its_name_is_alembics(service: str) -> None:
    package = service.replace("-", "_")
    assert revisions.head(package) == ScriptDirectory(str(revisions.scripts(package))).get_current_head()


# The histories before this one had revisions from 0001 on: no new one has their numbers.
@pytest.mark.parametrize("former", ["0001", "0028"])
async def test_a_database_of_another_version_is_refused_with_what_to_do(
    postgres: Postgres, former: str
) -> None:
    name = f"of_version_{former}"
    await asyncio.to_thread(postgres.create_database, name)
    url = postgres.url(name)
    await migrations.upgrade(url, "case_mgmt")
    engine = create_engine(url)
    async with engine.begin() as tx:
        await tx.execute(text("update alembic_version set version_num = :former"), {"former": former})
    await engine.dispose()
    with pytest.raises(migrations.UnknownRevisionError, match=rf"at revision {former}, .* `make clean`"):
        await migrations.upgrade(url, "case_mgmt")
