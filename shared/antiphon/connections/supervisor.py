"""Starts and stops what follows each connection, as the organisation's document says, and writes down how it goes.

A connection that the document changes is started again; the others go on. Nothing that a document says ends the process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections import store
from antiphon.connections.states import (
    LONGEST_PAUSE,
    Connection,
    NotConnectedError,
    Reason,
    State,
    pause_after,
)
from antiphon.connections.store import Report
from antiphon.failures import is_schema_error, is_transient, with_savepoints
from antiphon.organisation.organisation import Organisation
from antiphon.postgres.listener import LOST, Listener
from antiphon.process import logs
from antiphon.process.clock import Clock

LOG = logs.get(__name__)
# A connection whose state stays the same is written so often, also one that fails at each try.
WRITTEN_EVERY = timedelta(minutes=1)
AFTER_LOST_DATABASE_S = 1
_C = TypeVar("_C", bound=Connection)


class Link:
    """What follows one connection reports to the supervisor here, and waits here before it tries again."""

    def __init__(self, name: str, clock: Clock, changed: asyncio.Event) -> None:
        self.retry_now = asyncio.Event()
        self._name = name
        self._clock = clock
        self._changed = changed
        self._failures = 0
        self._connected_at: datetime | None = None
        self._reason: Reason | None = None
        self._success: datetime | None = None
        self._error: tuple[datetime, str] | None = None
        self._written: tuple[datetime, Reason | None] | None = None

    def connected(self) -> None:
        """The login and all that must come first have succeeded."""
        self._connected_at, self._reason = self._clock(), None
        LOG.info("connected", connection=self._name)
        self._changed.set()

    @property
    def is_connected(self) -> bool:
        """Whether it is connected now."""
        return self._connected_at is not None

    async def failed(self, error: NotConnectedError) -> None:
        """Reports the failure, and returns when it is time to try again: after a growing pause, or when a person changed something."""
        now = self._clock()
        if self._connected_at is not None:
            self._success = now
            if now - self._connected_at > LONGEST_PAUSE:
                self._failures = 0
        self._failures += 1
        self._connected_at, self._reason = None, error.reason
        self._error = (now, error.detail)
        pause = pause_after(error.reason, self._failures)
        LOG.warning(
            "not connected", connection=self._name, reason=error.reason, detail=error.detail,
            again_after_s=pause.total_seconds(),
        )  # fmt: skip
        self._changed.set()
        await self.wait(pause)

    def worked(self) -> None:
        """Something came through the connection: the next failure is the first one."""
        self._failures = 0

    async def wait(self, pause: timedelta) -> None:
        """Returns after the pause, or when a person changed something. Reports nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                # Set also while the last try was under way: the secret may have come after it was read.
                await self.retry_now.wait()
                self.retry_now.clear()
                self._failures = 0

    def due(self, now: datetime) -> Report | None:
        """What is to be written now: another state than before, or the same after a minute."""
        if self._connected_at is None and self._reason is None:
            return None  # it has not tried yet, or another replica follows it
        if self._written is not None:
            at, reason = self._written
            if reason == self._reason and now - at < WRITTEN_EVERY:
                return None
        at, detail = self._error or (None, None)
        return Report(
            self._name,
            State.CONNECTED if self._reason is None else State.NOT_CONNECTED,
            self._reason,
            self._success if self._connected_at is None else now,
            at,
            detail,
            now,
        )

    def written(self, row: Report) -> None:
        """Notes that a row is in the database."""
        self._written = (row.reported_at, row.reason)


class _Followed(NamedTuple, Generic[_C]):
    connection: _C
    link: Link
    task: asyncio.Task[None]


class Supervisor(Generic[_C]):
    """Follows the connections of the active organisation; `run` goes on until it is cancelled.

    `follow` follows one connection and reports to its link. It goes on until it is cancelled, and raises only what must end the
    process.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        active: ActiveOrganisation,
        connections: Callable[[Organisation], Sequence[_C]],
        follow: Callable[[_C, Link], Coroutine[Any, Any, None]],
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._active = active
        self._connections = connections
        self._follow = follow
        self._clock = clock
        self._running: dict[str, _Followed[_C]] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follows them, and writes their states. Raises what does not pass by itself."""
        async with asyncio.TaskGroup() as tasks:
            for part in (self._listen, self._write):
                tasks.create_task(self._through_outages(part))
            while True:
                version = self._active.current
                await self._replace(tasks, version.organisation)
                await self._active.after(version.number)

    async def _replace(self, tasks: asyncio.TaskGroup, organisation: Organisation) -> None:
        wanted = {
            one.name: one
            for one in self._connections(organisation)
            if one.is_enabled and one.server is not None
        }
        ended = [
            one
            for name, one in self._running.items()
            if wanted.get(name) != one.connection or one.task.done()
        ]
        for one in ended:
            LOG.info("connection ends", connection=one.connection.name)
            one.task.cancel()
            del self._running[one.connection.name]
        if ended:
            # The old one must be gone before a new one of its name begins.
            await asyncio.wait([one.task for one in ended])
        for name, connection in wanted.items():
            if name not in self._running:
                link = Link(name, self._clock, self._changed)
                task = tasks.create_task(self._follow(connection, link), name=f"connection {name}")
                self._running[name] = _Followed(connection, link, task)

    async def _through_outages(self, part: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await part()
                LOG.info("notifications of connections end, and are asked for again")
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("states of connections wait", reason=repr(error))
                await asyncio.sleep(AFTER_LOST_DATABASE_S)

    async def _listen(self) -> None:
        async with Listener(self._engine, store.CHANNEL) as listener:
            while True:
                notified = await listener.wait(WRITTEN_EVERY.total_seconds())
                for name in notified.get(store.CHANNEL, ()):
                    if name in self._running:
                        self._running[name].link.retry_now.set()
                if LOST in notified:
                    return

    async def _write(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock()
            links = [one.link for one in self._running.values()]
            due = [(link, row) for link in links if (row := link.due(now))]
            if due:
                try:
                    async with self._engine.begin() as tx:
                        await store.write(tx, [row for _, row in due])
                except DBAPIError as error:
                    if is_transient(error) or is_schema_error(error):
                        raise
                    await self._write_each([row for _, row in due])
                for link, row in due:
                    link.written(row)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITTEN_EVERY.total_seconds()):
                    await self._changed.wait()

    async def _write_each(self, rows: Sequence[Report]) -> None:
        """Writes the rows that the database takes: the text of one must not hide the states of the others."""
        async with self._engine.begin() as tx:
            failed = await with_savepoints(tx, rows, lambda row: store.write(tx, [row]))
        for row, error in failed:
            LOG.error("state of a connection can't be written", connection=row.name, error=repr(error))
