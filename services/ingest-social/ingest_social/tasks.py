"""What ingest-social does by itself: follows the stream, sends answers, fetches files."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import database, logs, tracing
from antiphon.clock import Clock
from antiphon.contracts.replies import FailureOutcome, ReplyRequested
from antiphon.failures import is_passing
from antiphon.listen import Listener
from ingest_social import actions, store
from ingest_social.network import Batch, Network, Outgoing, PassingError, PostRefusedError
from ingest_social.settings import Settings

LOG = logs.get(__name__)
LEAD = 0x666F6C6C  # "foll": one replica follows
LEASE = timedelta(minutes=2)
LOOK_AT_LEAST_EVERY_S = 1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10


class OvertakenError(Exception):
    """Another replica moved the cursor: begin again from the row."""


class Follower:
    """Follows one network; `connected` is for people who look."""

    def __init__(self, engine: AsyncEngine, network: Network, clock: Clock) -> None:
        self._engine = engine
        self._network = network
        self._clock = clock
        self._pause = FIRST_PAUSE_S
        self.connected = False

    async def run(self) -> None:
        """Follows for ever: from the cursor, catching up when the stream no longer has it."""
        while True:
            try:
                async with self._engine.connect() as lead:
                    await lead.execution_options(isolation_level="AUTOCOMMIT")
                    if await lead.scalar(text("select pg_try_advisory_lock(:lead)"), {"lead": LEAD}):
                        try:
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
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    async def _follow(self) -> None:
        if not self._network.account:
            await self._network.connect_account()
        async with self._engine.connect() as connection:
            row = await store.cursor(connection, self._network.name)
        position = row.position if row else None
        LOG.info("stream followed", network=self._network.name, cursor=position)
        async for batch in self._network.follow(position or 0):
            self.connected = True
            if batch.missed and row is not None:
                LOG.warning("the stream no longer has all since the cursor", since=row.at.isoformat())
                async for found in self._network.catch_up(row.at):
                    await self._take(found, None, None)
            if batch.changes or batch.cursor != (position or 0):
                await self._take(batch, position, batch.cursor)
                position = batch.cursor
                self._pause = FIRST_PAUSE_S

    async def _take(self, batch: Batch, expected: int | None, reached: int | None) -> None:
        tracing.enter(tracing.new())
        authors = sorted(actions.authors_of(batch.changes))
        speakers = await asyncio.gather(*(self._network.speaker(author) for author in authors))
        now = self._clock()
        async with self._engine.begin() as tx:
            moved = reached is None or await store.move_cursor(
                tx, self._network.name, expected, reached, now=now, happened_at=batch.at
            )
            if not moved:
                raise OvertakenError("the cursor was moved by another process")
            if batch.changes:
                await actions.take(
                    tx, self._network, batch.changes, dict(zip(authors, speakers, strict=True)), now
                )


async def _forever(engine: AsyncEngine, channel: str, do_one: Callable[[], Awaitable[bool]]) -> None:
    """Does what is due, one after another, woken by NOTIFY; waits while the database is away."""
    while True:
        try:
            async with Listener(engine, channel) as woken:
                while True:
                    if not await do_one():
                        await woken.wait(timeout=LOOK_AT_LEAST_EVERY_S)
        except Exception as error:
            if not is_passing(error):
                raise
            LOG.warning("waits", channel=channel, reason=repr(error))
            await asyncio.sleep(LOOK_AT_LEAST_EVERY_S)


async def send_forever(engine: AsyncEngine, network: Network, settings: Settings, clock: Clock) -> None:
    """Sends answers of one network, one after another; another network has a task of its own."""
    await _forever(engine, "sending", lambda: send_one(engine, network, settings, clock))


async def fetch_forever(engine: AsyncEngine, network: Network, settings: Settings) -> None:
    """Fetches files of posts of one network, one after another."""
    await _forever(engine, "attachment", lambda: fetch_one(engine, network, settings))


def wait_for(settings: Settings, attempt: int, asked_s: float | None) -> timedelta:
    """How long after a failed attempt the next one is made: doubling, and not sooner than the network asks."""
    wait = min(settings.retry_first_after * 2 ** min(attempt - 1, 20), settings.retry_at_most_every)
    return max(wait, timedelta(seconds=asked_s or 0))


async def send_one(engine: AsyncEngine, network: Network, settings: Settings, clock: Clock) -> bool:
    """Makes the attempt that is due; False when none is. The attempt is noted before and after."""
    async with engine.begin() as tx:
        now = await database.now(tx)
        row = await store.claim(tx, network.name, now, now + LEASE)
    if row is None:
        return False
    asked = ReplyRequested.model_validate(row.requested)
    answer = Outgoing(str(asked.reply_id), asked.text, row.native_id, row.record, row.requested_at)
    try:
        native_ids = await network.post(answer)
    except PostRefusedError as error:
        async with engine.begin() as tx:
            await actions.note_failed(tx, asked, row.attempts, FailureOutcome.REFUSED, str(error), clock())
    except PassingError as error:
        async with engine.begin() as tx:
            if clock() - row.requested_at >= settings.give_up_after:
                await actions.note_failed(
                    tx, asked, row.attempts, FailureOutcome.GAVE_UP, str(error), clock()
                )
            else:
                wait = wait_for(settings, row.attempts, error.wait_s)
                now = await database.now(tx)
                await actions.put_off(tx, asked.reply_id, row.attempts, str(error), wait, now)
        LOG.warning("answer not sent", reply_id=str(asked.reply_id), reason=str(error))
    else:
        async with engine.begin() as tx:
            link = network.link(native_ids[0])
            await actions.note_sent(tx, asked, row.attempts, native_ids, link, clock())
    return True


async def fetch_one(engine: AsyncEngine, network: Network, settings: Settings) -> bool:
    """Fetches the file that is due; False when none is. Bytes that are not those of the post are refused."""
    async with engine.begin() as tx:
        now = await database.now(tx)
        row = await store.claim_attachment(tx, network.name, now, now + LEASE)
    if row is None:
        return False
    try:
        data = await network.fetch(row.author, row.native_id, settings.file_limit_bytes)
        if hashlib.sha256(data).hexdigest() == row.sha256:
            values = {"state": "kept", "data": data, "reason": None}
        else:
            values = {"state": "refused", "reason": "the bytes are not those that the post names"}
    except PostRefusedError as error:
        values = {"state": "refused", "reason": str(error)[:500]}
    except PassingError as error:
        given_up = now - row.accepted_at >= settings.give_up_after
        wait = wait_for(settings, row.attempts, error.wait_s)
        values = {"reason": str(error)[:500]} | (
            {"state": "refused"} if given_up else {"next_attempt_at": now + wait}
        )
    async with engine.begin() as tx:
        await store.settle_attachment(tx, row.attachment_id, values)
    return True
