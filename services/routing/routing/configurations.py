"""The configuration in force: rows of the database, read in the transaction that decides, compiled once a version."""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import logs
from antiphon.changes import Change, record
from routing import staff, store
from routing.domain.calendar import BusinessCalendar
from routing.domain.configuration import Configuration, read

LOG = logs.get(__name__)
_FILE = "organisation file"
_LAST_FILE = text(
    f"select sha256 from configuration where loaded_by = '{_FILE}' order by version desc limit 1"
)


class NoConfigurationError(Exception):
    """No configuration was ever loaded: nothing can be decided."""


class InForce(NamedTuple):
    """A version of the configuration, ready to decide by."""

    version: int
    configuration: Configuration
    calendars: dict[str, BusinessCalendar]


class Configurations:
    """Gives the version in force; a replica that sees a new one compiles it once."""

    def __init__(self) -> None:
        self._cached: InForce | None = None

    async def in_force(self, tx: AsyncConnection) -> InForce:
        """The newest version, as this transaction sees it. Raises NoConfigurationError."""
        version = await store.version(tx)
        if self._cached is None or self._cached.version != version:
            row = await store.latest_configuration(tx)
            if row is None:
                raise NoConfigurationError
            configuration = read(row.source, f"configuration {row.version}")
            calendars = {name: calendar.build() for name, calendar in configuration.calendars.items()}
            self._cached = InForce(row.version, configuration, calendars)
        return self._cached

    @classmethod
    async def load_file(cls, tx: AsyncConnection, source: str, name: str, now: datetime) -> tuple[int, bool]:
        """`load` for the organisation's file at a start: only when it is not the file that was loaded last.

        So what was published since stays in force, until somebody changes the file.
        """
        await store.lock_configuration(tx)
        known = await tx.scalar(_LAST_FILE)
        latest = await store.latest_configuration(tx)
        if latest is not None and known == _digest(source):
            return latest.version, False
        return await cls.load(tx, source, name, _FILE, now)

    @staticmethod
    async def load(
        tx: AsyncConnection, source: str, name: str, by: str, now: datetime, **told: Any
    ) -> tuple[int, bool]:
        """Checks a source and makes it the version in force; the version, and whether it is new.

        `told` are further columns of the version: why, draft_id, trial_id, restores. Raises ConfigurationError with every
        fault; then nothing changes. The source in force already is not loaded again.
        """
        configuration = read(source, name)
        await store.lock_configuration(tx)
        latest = await store.latest_configuration(tx)
        if latest is not None and latest.sha256 == _digest(source):
            return latest.version, False
        row = {"sha256": _digest(source), "source": source, "loaded_at": now, "loaded_by": by, **told}
        added = await tx.execute(
            insert(store.CONFIGURATION).values(row).returning(store.CONFIGURATION.c.version)
        )
        version: int = added.scalar_one()
        await record(tx, [Change("configuration", str(version), ["operations"], {"by": by})])
        await staff.tell_changed(tx, latest.source if latest else None, configuration, now)
        await store.wake(tx)
        LOG.info("configuration loaded", version=version, by=by)
        return version, True


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
