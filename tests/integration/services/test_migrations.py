"""The tables that the code names are the tables that the revisions make."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from antiphon.postgres import revisions
from antiphon.service_names import SERVICES
from tests.conftest import NewDatabase


@pytest.mark.parametrize("service", SERVICES)
async def test_revisions_and_tables_agree(new_database: NewDatabase, service: str) -> None:
    package = service.replace("-", "_")
    store = importlib.import_module(f"{package}.store")
    engine = await new_database(package)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), store.METADATA))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_newest_revision_by_its_name_is_alembics(service: str) -> None:
    package = service.replace("-", "_")
    assert revisions.head(package) == ScriptDirectory(str(revisions.scripts(package))).get_current_head()
