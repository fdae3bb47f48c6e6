"""What ingest-social does by itself: follows the stream, and sends answers."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import logs, tracing
from antiphon.clock import Clock
from antiphon.contracts.replies import FailureOutcome, ReplyRequested
from antiphon.failures import is_passing
from antiphon.listen import Listener
from ingest_social import actions, store
from ingest_social.bluesky.network import Bluesky
from ingest_social.network import Batch, Outgoing, PassingError, PostRefusedError
from ingest_social.settings import Settings

LOG = logs.get(__name__)
LEAD = 0x666F6C6C  # "foll": one replica follows
LEASE = timedelta(minutes=2)


class OvertakenError(Exception):
    """Another replica moved the cursor: begin again from the row."""


class Follower:
    """Follows one network; `state` is for people who look."""

    def __init__(self, engine: AsyncEngine, network: Bluesky, clock: Clock) -> None:
        self._engine = engine
        self._network = network
        self._clock = clock
        self.connected = False

    async def run(self) -> None:
        """Follows for ever: from the cursor, catching up when the stream no longer has it."""
        pause = 0.2
        while True:
            try:
                async with self._engine.connect() as lead:
                    await lead.execution_options(isolation_level="AUTOCOMMIT")
                    if await lead.scalar(text("select pg_try_advisory_lock(:lead)"), {"lead": LEAD}):
                        try:
                            if not self._network.account:
                                await self._network.connect_account()
                            await self._follow()
                        finally:
                            await lead.invalidate()
            except (PassingError, PostRefusedError, OvertakenError) as error:
                LOG.warning("stream lost", network=self._network.name, reason=str(error))
            except Exception as error:
                if not is_passing(error):
                    raise
                LOG.warning("stream waits", reason=repr(error))
            finally:
                self.connected = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)

    async def _follow(self) -> None:
        async with self._engine.connect() as connection:
            row = await store.cursor(connection, self._network.name)
        position = row.position if row else None
        LOG.info("stream followed", network=self._network.name, cursor=position)
        async for batch in self._network.follow(position or 0):
            self.connected = True
            if batch.missed and row is not None:
                LOG.error("the stream no longer has all since the cursor", since=row.at.isoformat())
                async for found in self._network.catch_up(row.at):
                    await self._take(found, None, None)
            await self._take(batch, position, batch.cursor)
            position = batch.cursor

    async def _take(self, batch: Batch, expected: int | None, reached: int | None) -> None:
        tracing.enter(tracing.new())
        authors = {said.author for said in actions.said_in(batch.changes)}
        speakers = {author: await self._network.speaker(author) for author in authors}
        now = self._clock()
        async with self._engine.begin() as tx:
            moved = reached is None or await store.move_cursor(tx, self._network.name, expected, reached, now)
            if not moved:
                raise OvertakenError("the cursor was moved by another process")
            if batch.changes:
                await actions.take(tx, self._network, batch.changes, speakers, now)


async def send_forever(engine: AsyncEngine, network: Bluesky, settings: Settings, clock: Clock) -> None:
    """Sends answers of one network, one after another; another network has a task of its own."""
    while True:
        try:
            async with Listener(engine, "sending") as woken:
                while True:
                    if not await _send_one(engine, network, settings, clock):
                        await woken.wait(timeout=1)
        except Exception as error:
            if not is_passing(error):
                raise
            LOG.warning("sending waits", reason=repr(error))
            await asyncio.sleep(1)


async def _send_one(engine: AsyncEngine, network: Bluesky, settings: Settings, clock: Clock) -> bool:
    async with engine.begin() as tx:
        row = await store.take_due(tx, network.name, LEASE)
    if row is None:
        return False
    asked = ReplyRequested.model_validate(row.requested)
    answer = Outgoing(
        key=str(asked.reply_id),
        text=asked.text,
        parent=row.native_id,
        parent_revision=row.revision,
        parent_record=row.record,
        requested_at=row.requested_at,
    )
    native_ids: list[str] = []
    failure: tuple[FailureOutcome, str] | None = None
    try:
        if row.deleted_at is not None or not await network.exists(row.native_id):
            failure = FailureOutcome.REFUSED, "the post that is answered was deleted"
        else:
            native_ids = await network.post(answer)
    except PostRefusedError as error:
        failure = FailureOutcome.REFUSED, str(error)
    except PassingError as error:
        if clock() - row.requested_at < settings.give_up_after:
            wait = min(
                settings.retry_first_after * 2 ** min(row.attempts - 1, 20), settings.retry_at_most_every
            )
            wait = max(wait, timedelta(seconds=error.wait_s or 0))
            async with engine.begin() as tx:
                await actions.put_off(tx, asked.reply_id, str(error), wait, clock())
            LOG.warning(
                "answer put off", reply_id=str(asked.reply_id), reason=str(error), wait_s=wait.total_seconds()
            )
            return True
        failure = FailureOutcome.GAVE_UP, str(error)
    async with engine.begin() as tx:
        await actions.finish(
            tx, asked, native_ids=native_ids, link=network.link(native_ids[0]) if native_ids else None,
            failure=failure, attempts=row.attempts, now=clock(),
        )  # fmt: skip
    return True
