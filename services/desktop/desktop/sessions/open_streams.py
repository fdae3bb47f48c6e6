"""Streams end with their session: one listener and one query for all streams of this process."""

import asyncio
import contextlib
from collections.abc import Generator
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from antiphon.postgres.listener import LOST, Listener
from antiphon.process import logs
from antiphon.process.clock import Clock
from desktop.sessions.sessions import NOTED_EVERY
from desktop.store import sessions as store

LOG = logs.get(__name__)
_LOOK_EVERY = timedelta(seconds=20)
_FORGET_EVERY = timedelta(minutes=10)


class OpenStreams:
    """The streams that are open in this process, by session. `run` is a task of the process.

    A session with an open stream is in use.
    """

    def __init__(self, engine: AsyncEngine, idle_after: timedelta, clock: Clock) -> None:
        self._engine = engine
        self._idle_after = idle_after
        self._clock = clock
        self._open: dict[bytes, set[asyncio.Event]] = {}
        self._listener: Listener | None = None

    @contextlib.contextmanager
    def follow(self, key: bytes) -> Generator[asyncio.Event]:
        """Gives an event that is set when the session has ended, at most a second later."""
        ended = asyncio.Event()
        self._open.setdefault(key, set()).add(ended)
        if self._listener is not None:
            self._listener.wake()  # it may have ended since it was found
        try:
            yield ended
        finally:
            self._open[key].discard(ended)
            if not self._open[key]:
                del self._open[key]

    async def run(self) -> None:
        """Looks until cancelled: when it is notified, when the next session ends by itself, and from time to time."""
        while True:
            try:
                async with Listener(self._engine, store.ENDED) as self._listener:
                    while True:
                        notified = await self._listener.wait(await self._look())
                        for payload in notified.get(store.ENDED, ()):
                            self._end(bytes.fromhex(payload))
                        if LOST in notified:
                            break
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("the ends of sessions wait", reason=repr(error))
                await asyncio.sleep(1)

    async def _look(self) -> float:
        """Ends the streams of sessions that are over. Returns after how many seconds the next one may be."""
        if not self._open:
            return _LOOK_EVERY.total_seconds()
        keys, now = list(self._open), self._clock()
        idle_until = now + self._idle_after
        async with self._engine.begin() as tx:
            await store.use(tx, keys, now, idle_until, idle_until - NOTED_EVERY)
            active = await store.active(tx, keys, now)
        for key in set(keys) - {session.key for session in active}:
            self._end(key)
        next_end = min((session.until - now for session in active), default=_LOOK_EVERY)
        return min(next_end, _LOOK_EVERY).total_seconds()

    def _end(self, key: bytes) -> None:
        for ended in self._open.get(key, ()):
            ended.set()

    async def forget(self) -> None:
        """A task that forgets sessions that have ended."""
        while True:
            try:
                async with self._engine.begin() as tx:
                    await store.forget(tx, self._clock())
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(_FORGET_EVERY.total_seconds())
