"""Migrations: one Alembic history per service, run under an advisory lock.

`python -m antiphon.postgres.migrations routing` brings the database of `ROUTING_DATABASE_URL` to its head.
"""

import argparse
import asyncio

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, MetaData, text

from antiphon.postgres.engine import create_engine, metadata
from antiphon.postgres.plumbing import idempotency_keys, plumbing_tables
from antiphon.postgres.revisions import scripts

_LOCK = 0x616E7469  # "anti": one upgrade of a database at a time


def create_plumbing_v1() -> None:
    """Creates the plumbing's tables and the triggers that wake the relay, the consumer and the live streams.

    Called by the first revision of each service. A later form of these tables is a `v2` beside this one.
    """
    tables = metadata()
    plumbing = plumbing_tables(tables)
    later = (plumbing.organisation, plumbing.idempotency_key)
    first = [table for table in plumbing if table not in later]
    tables.create_all(op.get_bind(), tables=first, checkfirst=False)
    op.execute(
        """
        create function notify_of_insert() returns trigger language plpgsql as $$
        begin perform pg_notify(tg_table_name, ''); return null; end $$
        """
    )
    for table in ("outbox", "change_log", "dead_letter"):
        op.execute(
            f"create trigger {table}_notify after insert on {table} "
            "for each statement execute function notify_of_insert()"
        )
    op.execute(
        "create trigger dead_letter_replay_notify after update of replay_requested_at on dead_letter "
        "for each statement execute function notify_of_insert()"
    )


def create_idempotency_keys_v1() -> None:
    """Creates the table of idempotency keys. Called by one revision of each service."""
    tables = metadata()
    tables.create_all(op.get_bind(), tables=[idempotency_keys(tables)], checkfirst=False)


def create_organisation_v1() -> None:
    """Creates the table of the organisation's active version."""
    tables = metadata()
    tables.create_all(op.get_bind(), tables=[plumbing_tables(tables).organisation], checkfirst=False)


def follow_changes_v1(table: str, key: str) -> None:
    """Gives a table the column `changed_xid`, the transaction that last wrote a row, and the index of its export by it and `key`.

    Rows that are there count as written first, by the transaction 0.
    """
    op.execute(
        """
        create function write_changed_xid() returns trigger language plpgsql as $$
        begin new.changed_xid := pg_current_xact_id(); return new; end $$
        """
    )
    op.execute(f"alter table {table} add column changed_xid xid8 not null default '0'")
    op.execute(f"alter table {table} alter column changed_xid set default pg_current_xact_id()")
    op.execute(
        f"create trigger {table}_changed_xid before update on {table} "
        "for each row execute function write_changed_xid()"
    )
    op.execute(f"create index {table}_changed_xid_ix on {table} (changed_xid, {key})")


class UnknownRevisionError(Exception):
    """The database is at a revision that this version of the service does not have."""


def _upgrade(connection: Connection, package: str, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts(package)))
    config.attributes["connection"] = connection
    at = MigrationContext.configure(connection).get_current_revision()
    if at is not None and at not in {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }:
        raise UnknownRevisionError(
            f"The database of {package} is at revision {at}, which this version does not have: another version made it. "
            "Start that version, or give this one an empty database (on a machine for development: `make clean`)."
        )
    command.upgrade(config, target)


async def upgrade(url: str, package: str, target: str = "head") -> None:
    """Brings the database at `url` to `target`; a second process waits for the first and then finds nothing to do.

    Raises UnknownRevisionError for a database that another version made.
    """
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade, package, target)
    finally:
        await engine.dispose()


def run_env(target: MetaData) -> None:
    """The whole of a service's `migrations/env.py`: runs the revisions on the connection that it is given."""
    from alembic import context  # noqa: PLC0415 - exists only while Alembic runs env.py

    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=target, compare_type=True, compare_server_default=False
    )
    context.run_migrations()


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore")

    database_url: SecretStr = Field(description="Address of the service's database.")


def main() -> None:
    """Upgrades the database of the named packages."""
    parser = argparse.ArgumentParser(description="Bring the databases of services to the newest revision.")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="e.g. case_mgmt")
    for package in parser.parse_args().packages:
        url = _Settings(_env_prefix=f"{package.upper()}_").database_url.get_secret_value()  # pyright: ignore[reportCallIssue]
        asyncio.run(upgrade(url, package))


if __name__ == "__main__":
    main()
