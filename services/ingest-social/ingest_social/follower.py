"""Follows the stream of an account: takes its changes, and moves the cursor in the same transaction."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from antiphon.process import logs, tracing
from antiphon.process.clock import Clock
from ingest_social.intake import changes
from ingest_social.network import Batch, Network, RefusedError, TransientError
from ingest_social.store import cursors

LOG = logs.get(__name__)
LEAD = 0x666F6C6C  # "foll": one replica follows an account
_TRY_TO_LEAD = text("select pg_try_advisory_lock(:lead, hashtext(:account))")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10


class OvertakenError(Exception):
    """Another replica moved the cursor: this one begins again from the row."""


class Follower:
    """Follows one account. `connected` says whether its stream is connected now; people see it."""

    def __init__(self, engine: AsyncEngine, network: Network, clock: Clock) -> None:
        self._engine = engine
        self.network = network
        self._clock = clock
        self._pause = FIRST_PAUSE_S
        self.connected = False

    async def run(self) -> None:
        """Follows for ever, after the cursor. Catches up when the stream no longer has all since the cursor."""
        while True:
            try:
                if not self.network.account:
                    await self.network.connect_account()
                async with self._engine.connect() as lead:
                    await lead.execution_options(isolation_level="AUTOCOMMIT")
                    mine = {"lead": LEAD, "account": f"{self.network.name}/{self.network.account}"}
                    if await lead.scalar(_TRY_TO_LEAD, mine):
                        try:
                            await self._follow()
                        finally:
                            await lead.invalidate()
            except (TransientError, RefusedError, OvertakenError) as error:
                LOG.warning("stream lost", network=self.network.name, reason=str(error))
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("stream waits", reason=repr(error))
            finally:
                self.connected = False
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    async def _follow(self) -> None:
        async with self._engine.connect() as connection:
            row = await cursors.find_cursor(connection, self.network.name, self.network.account)
        position = row.position if row else None
        LOG.info("stream followed", network=self.network.name, cursor=position)
        async for batch in self.network.follow(position):
            self.connected = True
            if batch.missed and row is not None:
                since = row.updated_at
                LOG.warning("the stream no longer has all since the cursor", since=since.isoformat())
                async for earlier in self.network.catch_up(since):
                    await self._take(earlier, None, None)
            reached = position if batch.cursor is None else batch.cursor
            if batch.changes or reached != position:
                await self._take(batch, position, reached)
                position = reached
                self._pause = FIRST_PAUSE_S

    async def _take(self, batch: Batch, expected: str | None, reached: str | None) -> None:
        tracing.enter(tracing.new())
        authors = sorted(changes.authors_of(batch.changes))
        speakers = await asyncio.gather(*(self.network.speaker(author) for author in authors))
        now = self._clock()
        async with self._engine.begin() as tx:
            moved = reached is None or await cursors.move_cursor(
                tx, self.network.name, self.network.account, expected, reached,
                now=now, happened_at=batch.at,
            )  # fmt: skip
            if not moved:
                raise OvertakenError("another process moved the cursor")
            if batch.changes:
                await changes.take_changes(
                    tx, self.network, batch.changes, dict(zip(authors, speakers, strict=True)), now
                )
