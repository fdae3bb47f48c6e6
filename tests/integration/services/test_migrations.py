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
from antiphon.service_names import SERVICES
from deploy.postgres import Postgres
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


_OLD_SENDINGS = {
    "ingest_social": """
        insert into sending (reply_id, network, interaction_id, requested, requested_at, state, attempts, next_attempt_at,
            last_error, native_ids, finished_at)
        values ('00000000-0000-0000-0000-000000000001', 'there', gen_random_uuid(), '{}', now(),
                'sent', 2, now(), null, '{<1@us>}', now()),
            ('00000000-0000-0000-0000-000000000002', 'there', gen_random_uuid(), '{}', now(),
                'waiting', 1, now(), '450 busy', '{}', null),
            ('00000000-0000-0000-0000-000000000003', '', gen_random_uuid(), '{}', now(),
                'failed', 0, null, 'unknown mail', '{}', now())
        """,
}


@pytest.mark.parametrize("package", _OLD_SENDINGS)
async def test_replies_on_their_way_are_moved_to_the_tables_of_delivery(
    postgres: Postgres, package: str
) -> None:
    name = f"moved_{package}"
    await asyncio.to_thread(postgres.create_database, name)
    await migrations.upgrade(postgres.url(name), package, "0003")
    engine = create_engine(postgres.url(name))
    async with engine.begin() as tx:
        await tx.execute(text(_OLD_SENDINGS[package]))
        await tx.execute(
            text(
                "insert into attempt (reply_id, number, began_at, ended_at, outcome, told) values "
                "('00000000-0000-0000-0000-000000000001', 1, now(), null, null, null), "
                "('00000000-0000-0000-0000-000000000001', 2, now(), now(), 'sent', '250')"
            )
        )
    await migrations.upgrade(postgres.url(name), package)
    async with engine.connect() as connection:
        replies = await connection.execute(
            text(
                "select destination, state, reason, attempts, native_ids, next_attempt_at is null as is_over "
                "from outgoing_reply order by reply_id"
            )
        )
        attempts = await connection.execute(
            text("select number, outcome, detail from reply_attempt order by number")
        )
    await engine.dispose()
    assert [tuple(row) for row in replies] == [
        ("there", "sent", None, 2, ["<1@us>"], True),
        ("there", "waiting", "450 busy", 1, [], False),
        ("", "failed", "unknown mail", 0, [], True),
    ]
    assert [tuple(row) for row in attempts] == [(1, None, None), (2, "accepted", "250")]


async def test_posts_and_the_cursor_are_given_to_the_account_that_answered(postgres: Postgres) -> None:
    await asyncio.to_thread(postgres.create_database, "moved_accounts")
    url = postgres.url("moved_accounts")
    await migrations.upgrade(url, "ingest_social", "0004")
    engine = create_engine(url)
    async with engine.begin() as tx:
        for statement in (
            (
                "insert into post (interaction_id, network, native_id, revision, author, text, record, accepted_at) "
                "values (gen_random_uuid(), 'there', 'post 1', '1', 'jo', 'a', '{}', now())"
            ),
            "insert into stream_cursor (network, position, at) values ('there', 7, now())",
            (
                "insert into outgoing_reply (reply_id, request, destination, state, requested_at) "
                "values (gen_random_uuid(), '{\"account\": \"us\"}', 'there', 'sent', now())"
            ),
        ):
            await tx.exec_driver_sql(statement)
    await migrations.upgrade(url, "ingest_social")
    async with engine.connect() as connection:
        post = (await connection.execute(text("select account, speaker_key, visibility from post"))).one()
        cursor = (await connection.execute(text("select account, position from stream_cursor"))).one()
    await engine.dispose()
    assert (tuple(post), tuple(cursor)) == (("us", "did:jo", "public"), ("us", "7"))
