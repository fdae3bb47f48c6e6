"""Sends what waits, many at a time but few to one destination, so that a slow server holds up only its own mail.

An attempt is noted before and after. A process that dies between leaves it to the next one when its lease is over:
the Message-ID is the same, and the other side recognises the repeat.
"""

import asyncio
import contextlib
from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import aiosmtplib
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import database, logs
from antiphon.database import AnyRow
from antiphon.failures import is_passing
from antiphon.listen import Listener
from antiphon.text import clean, shorten
from ingest_email import actions, store
from ingest_email.domain.attempts import Ended, judge
from ingest_email.settings import Settings

LOG = logs.get(__name__)
LOOK_AT_LEAST_EVERY = timedelta(seconds=30)
AFTER_FAILURE = timedelta(seconds=1)
# What a relay says about us, not about the mail: RFC 4954.
_OUR_FAULT = {530, 534, 535, 538}


class Result(NamedTuple):
    """How an attempt ended, and what the other side said."""

    ended: Ended
    told: str


class Sender:
    """Sends replies; `run` goes on until it is cancelled."""

    def __init__(self, settings: Settings, engine: AsyncEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._at_work: dict[asyncio.Task[None], str] = {}

    async def run(self) -> None:
        """Sends whatever becomes due. Raises what does not pass by itself."""
        try:
            while True:
                try:
                    async with Listener(self._engine, "sending") as listener:
                        await self._send_due(listener)
                except Exception as error:
                    if not is_passing(error):
                        raise
                    LOG.warning("sender waits", reason=type(error).__name__)
                    await asyncio.sleep(AFTER_FAILURE.total_seconds())
        finally:
            for task in self._at_work:
                task.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _send_due(self, listener: Listener) -> None:
        while True:
            row = None
            if len(self._at_work) < self._settings.sends_at_once:
                row = await self._claim()
            if row is not None:
                task = asyncio.create_task(self._send(row))
                self._at_work[task] = row.destination
                task.add_done_callback(lambda done: self._finished(done, listener))
                continue
            await listener.wait(await self._pause())

    def _finished(self, task: asyncio.Task[None], listener: Listener) -> None:
        self._at_work.pop(task, None)
        listener.wake()
        if not task.cancelled() and (error := task.exception()):
            # The lease runs out and the reply is tried again.
            LOG.error("attempt could not be noted", exc_info=error)

    async def _claim(self) -> AnyRow | None:
        limit = self._settings.sends_at_once_per_destination
        busy = [place for place, number in Counter(self._at_work.values()).items() if number >= limit]
        async with self._engine.begin() as tx:
            now = await database.now(tx)
            return await store.claim(tx, now, now + self._settings.send_timeout + timedelta(minutes=1), busy)

    async def _pause(self) -> float:
        async with self._engine.connect() as connection:
            due, now = await store.next_due(connection), await database.now(connection)
        longest = LOOK_AT_LEAST_EVERY.total_seconds()
        if due is None or len(self._at_work) >= self._settings.sends_at_once:
            return longest
        # A due reply to a busy destination is woken for by the end of a send.
        wait = (due - now).total_seconds()
        return min(longest, wait) if wait > 0 else (longest if self._at_work else 0.05)

    async def _send(self, row: AnyRow) -> None:
        result = await attempt(self._settings, row)
        async with self._engine.begin() as tx:
            now = await database.now(tx)
            verdict = judge(
                result.ended,
                attempts=row.attempts,
                requested_at=row.requested_at,
                now=now,
                first_after=self._settings.retry_first_after,
                at_most_every=self._settings.retry_at_most_every,
                give_up_after=self._settings.give_up_after,
            )
            await actions.note_attempt(tx, row, result.ended, result.told, verdict, now)
        LOG.info(
            "attempt ended",
            reply_id=str(row.reply_id),
            attempt=row.attempts,
            outcome=result.ended,
            state=verdict.state,
        )


async def attempt(settings: Settings, row: AnyRow) -> Result:
    """Hands one mail to the relay. Never raises what the network or the relay does."""
    handed_over = False
    client = aiosmtplib.SMTP(
        hostname=settings.relay_host,
        port=settings.relay_port,
        username=settings.relay_user,
        password=settings.relay_secret.get_secret_value() if settings.relay_secret else None,
        use_tls=settings.relay_tls == "implicit",
        start_tls=settings.relay_tls == "starttls",
        timeout=settings.send_timeout.total_seconds(),
    )
    try:
        async with asyncio.timeout(settings.send_timeout.total_seconds()):
            await client.connect()
            options = [] if row.recipient.isascii() else ["SMTPUTF8"]
            await client.mail(row.envelope_from, options=options, encoding="utf-8")
            await client.rcpt(row.recipient, encoding="utf-8")
            handed_over = True
            answer = await client.data(row.raw)
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=5)
        return Result(Ended.ACCEPTED, _told(answer.code, answer.message))
    except aiosmtplib.SMTPResponseException as error:
        is_final = 500 <= error.code < 600 and error.code not in _OUR_FAULT
        is_ours = isinstance(error, aiosmtplib.SMTPConnectResponseError | aiosmtplib.SMTPHeloError)
        return Result(
            Ended.REFUSED if is_final and not is_ours else Ended.LATER, _told(error.code, error.message)
        )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        told = shorten(f"{type(error).__name__}: {clean(str(error))}", 500)
        return Result(Ended.UNKNOWN if handed_over else Ended.LATER, told)
    finally:
        client.close()


def _told(code: int, message: str) -> str:
    return shorten(clean(f"{code} {message}"), 500)
