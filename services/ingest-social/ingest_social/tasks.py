"""What ingest-social does by itself beside sending: follows the stream, fetches files."""

import asyncio
import hashlib
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from antiphon.postgres import query
from antiphon.postgres.listener import Listener
from antiphon.process import logs, tracing
from antiphon.process.clock import Clock
from ingest_social import actions, store
from ingest_social.network import Batch, Network, PassingError, PostRefusedError
from ingest_social.sender import schedule
from ingest_social.settings import Settings

LOG = logs.get(__name__)
LEAD = 0x666F6C6C  # "foll": one replica follows an account
_TRY_TO_LEAD = text("select pg_try_advisory_lock(:lead, hashtext(:account))")
LEASE = timedelta(minutes=2)
LOOK_AT_LEAST_EVERY_S = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10


class OvertakenError(Exception):
    """Another replica moved the cursor: begin again from the row."""


class Follower:
    """Follows one account; `connected` is for people who look."""

    def __init__(self, engine: AsyncEngine, network: Network, clock: Clock) -> None:
        self._engine = engine
        self.network = network
        self._clock = clock
        self._pause = FIRST_PAUSE_S
        self.connected = False

    async def run(self) -> None:
        """Follows for ever: from the cursor, catching up when the stream no longer has it."""
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
            except (PassingError, PostRefusedError, OvertakenError) as error:
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
            row = await store.cursor(connection, self.network.name, self.network.account)
        position = row.position if row else None
        LOG.info("stream followed", network=self.network.name, cursor=position)
        async for batch in self.network.follow(position):
            self.connected = True
            if batch.missed and row is not None:
                LOG.warning("the stream no longer has all since the cursor", since=row.at.isoformat())
                async for found in self.network.catch_up(row.at):
                    await self._take(found, None, None)
            reached = position if batch.cursor is None else batch.cursor
            if batch.changes or reached != position:
                await self._take(batch, position, reached)
                position = reached
                self._pause = FIRST_PAUSE_S

    async def _take(self, batch: Batch, expected: str | None, reached: str | None) -> None:
        tracing.enter(tracing.new())
        authors = sorted(actions.authors_of(batch.changes))
        speakers = await asyncio.gather(*(self.network.speaker(author) for author in authors))
        now = self._clock()
        async with self._engine.begin() as tx:
            moved = reached is None or await store.move_cursor(
                tx, self.network.name, self.network.account, expected, reached,
                now=now, happened_at=batch.at,
            )  # fmt: skip
            if not moved:
                raise OvertakenError("the cursor was moved by another process")
            if batch.changes:
                await actions.take(
                    tx, self.network, batch.changes, dict(zip(authors, speakers, strict=True)), now
                )


async def fetch_forever(engine: AsyncEngine, network: Network, settings: Settings) -> None:
    """Fetches files of posts of one network, one after another, woken by NOTIFY; waits while the database is away."""
    while True:
        try:
            async with Listener(engine, "attachment") as woken:
                while True:
                    if not await fetch_one(engine, network, settings):
                        await woken.wait(timeout=LOOK_AT_LEAST_EVERY_S)
        except Exception as error:
            if not is_transient(error):
                raise
            LOG.warning("fetching waits", reason=repr(error))
            await asyncio.sleep(LOOK_AT_LEAST_EVERY_S)


async def fetch_one(engine: AsyncEngine, network: Network, settings: Settings) -> bool:
    """Fetches the file that is due; False when none is. Bytes that are not those that the post names are refused."""
    async with engine.begin() as tx:
        now = await query.now(tx)
        row = await store.claim_attachment(tx, network.name, network.account, now, now + LEASE)
    if row is None:
        return False
    try:
        data = await network.fetch(row.author, row.native_id, settings.file_limit_bytes)
        digest = hashlib.sha256(data).hexdigest()
        if row.sha256 in {None, digest}:
            values = {"state": "kept", "data": data, "sha256": digest, "reason": None}
        else:
            values = {"state": "refused", "reason": "the bytes are not those that the post names"}
    except PostRefusedError as error:
        values = {"state": "refused", "reason": str(error)[:500]}
    except PassingError as error:
        given_up = now - row.accepted_at >= settings.give_up_after
        wait = max(schedule(settings).pause(row.attempts), timedelta(seconds=error.wait_s or 0))
        values = {"reason": str(error)[:500]} | (
            {"state": "refused"} if given_up else {"next_attempt_at": now + wait}
        )
    async with engine.begin() as tx:
        await store.settle_attachment(tx, row.attachment_id, values)
    return True
