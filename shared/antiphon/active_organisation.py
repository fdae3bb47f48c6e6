"""The organisation by which this process works: one version of the document, replaced as a whole (ADR 16).

Each service has the newest version in its database: the row of the table `organisation`. Its consumer keeps there what
`configuration` brings, and all its replicas read it when they are notified.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.failures import is_transient
from antiphon.kafka.consumer import Handle, Received
from antiphon.organisation import document, stored
from antiphon.organisation.organisation import Organisation
from antiphon.postgres.listener import Listener
from antiphon.postgres.query import fetch
from antiphon.process import logs

LOG = logs.get(__name__)
CHANNEL = "organisation"
READ_EVERY = timedelta(minutes=1)  # a notification can be missed
_KEEP = text(
    f"""
    with kept as (
        insert into organisation (id, version, document, published_at)
        values (1, :version, cast(:document as json), :published_at)
        on conflict (id) do update
        set version = excluded.version, document = excluded.document, published_at = excluded.published_at
        where organisation.version <= excluded.version
        returning version
    )
    select pg_notify('{CHANNEL}', '') from kept
    """
)
_NEWER = text("select version, cast(document as text) as document from organisation where version > :number")


class OrganisationVersion(NamedTuple):
    """A version of the document. Version 0 is the file, which a service uses until a version reached it."""

    number: int
    organisation: Organisation


class ActiveOrganisation:
    """Holds the version that is active in this process.

    A decision by it reads `current` once at the begin of a transaction, uses that value to the end, and names
    its number in what was decided.
    """

    def __init__(self, current: OrganisationVersion) -> None:
        self.current = current
        self._kept = current.number
        self._replaced = asyncio.Event()

    @classmethod
    def of_file(cls, path: Path) -> "ActiveOrganisation":
        """The file as version 0. Raises as `document.load`."""
        return cls(OrganisationVersion(0, document.load(path)))

    @classmethod
    async def of_database(cls, engine: AsyncEngine, path: Path) -> "ActiveOrganisation":
        """The version in the database; the file as version 0 when it has none. Raises as `document.load`."""
        async with engine.connect() as connection:
            kept = await newer(connection, 0)
        return cls.of_file(path) if kept is None else cls(kept)

    def replace(self, version: OrganisationVersion) -> None:
        """Makes a newer version the active one; an older one or the same changes nothing."""
        if version.number > self.current.number:
            self.current = version
            replaced, self._replaced = self._replaced, asyncio.Event()
            replaced.set()
            LOG.info("configuration active", version=version.number)

    async def after(self, number: int) -> OrganisationVersion:
        """Waits until another version than this one is active, and returns it."""
        while self.current.number == number:
            await self._replaced.wait()
        return self.current

    def following(self, handle: Handle) -> Handle:
        """`handle` for a consumer that also reads `configuration`: keeps the versions that come in the batch's transaction.

        The batch is handled by the version that was active before. The next one works by the version that was kept.
        """

        async def keep_and_handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
            # Events that are retried one by one share a transaction, which must not read what it wrote itself.
            if self._kept > self.current.number and not tx.in_nested_transaction():
                await self._read(tx)
            rest = [r for r in batch if not isinstance(r.event, ConfigurationPublished)]
            if len(rest) < len(batch):
                await self._keep(tx, batch, now)
            if rest:
                await handle(tx, rest, now)

        return keep_and_handle

    async def run(self, engine: AsyncEngine) -> None:
        """Follows the version in the database until it is cancelled: when notified, and once a minute."""
        while True:
            try:
                async with Listener(engine, CHANNEL) as notified:
                    while True:
                        async with engine.connect() as connection:
                            await self._read(connection)
                        await notified.wait(timeout=READ_EVERY.total_seconds())
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("organisation can't be read", reason=repr(error))
                await asyncio.sleep(1)

    async def _read(self, tx: AsyncConnection) -> None:
        kept = await newer(tx, self.current.number)
        if kept is not None:
            self.replace(kept)

    async def _keep(self, tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        whole = [
            (r.event.configuration_version, r.event.organisation, r.envelope.time or now)
            for r in batch
            if isinstance(r.event, ConfigurationPublished) and r.event.organisation is not None
        ]
        if whole:
            number, organisation, published_at = max(whole, key=lambda version: version[0])
            await keep(tx, OrganisationVersion(number, organisation), published_at)
            self._kept = max(self._kept, number)


async def keep(tx: AsyncConnection, version: OrganisationVersion, published_at: datetime) -> None:
    """Makes a version the one in the database, unless that has a newer one; notifies all replicas at the commit."""
    given = {
        "version": version.number,
        "document": stored.as_json(version.organisation).decode(),
        "published_at": published_at,
    }
    await fetch(tx, _KEEP, given)


async def newer(tx: AsyncConnection, number: int) -> OrganisationVersion | None:
    """The version in the database, when it is newer than this number."""
    rows = await fetch(tx, _NEWER, {"number": number})
    return next((OrganisationVersion(row.version, stored.of_json(row.document)) for row in rows), None)
