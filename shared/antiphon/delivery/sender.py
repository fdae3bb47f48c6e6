"""Sends replies that wait: many at a time, but few to one destination, so that a slow destination delays only its own replies.

The sender records each attempt before it begins and after it ends. When a process dies between the two, the reply is attempted
again after its lease; where the other side does not recognise a repeat, a person decides instead.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.delivery import actions, store
from antiphon.delivery.attempts import Ended, Result, Schedule, Verdict, judge
from antiphon.delivery.store import Sending
from antiphon.failures import is_transient
from antiphon.postgres import query
from antiphon.postgres.listener import Listener
from antiphon.process import logs, tracing

LOG = logs.get(__name__)
LOOK_AT_LEAST_EVERY = timedelta(seconds=30)
AFTER_FAILURE = timedelta(seconds=1)
# What is due and was not claimed, another process had in hand.
AFTER_LOST_RACE = timedelta(milliseconds=50)
# An attempt that does not end by itself is over this long before its lease is.
LEASE_MARGIN = timedelta(seconds=30)
# An attempt that is cut off leaves nobody knowing: those under way get a moment when the process stops.
GRACE = timedelta(seconds=2)

_Message = TypeVar("_Message")


@dataclass(frozen=True)
class Limits:
    """How many attempts are made at once, in all and to one destination, and how long one may take."""

    at_once: int
    at_once_per_destination: int
    longest: timedelta


class _Claimed(NamedTuple, Generic[_Message]):
    one: Sending
    message: _Message


class Sender(Generic[_Message]):
    """Sends replies of the service `source`; `run` goes on until it is cancelled.

    `load` reads what is sent, in the transaction that claims it. `send` hands it over and says how that ended, within
    `limits.longest`; what it raises, or does not end by then, has an unknown outcome. `recognises_repeats` says whether
    the other side knows a reply that it took already.
    """

    def __init__(
        self,
        source: str,
        engine: AsyncEngine,
        load: Callable[[AsyncConnection, Sending], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[Result]],
        schedule: Schedule,
        limits: Limits,
        *,
        recognises_repeats: Callable[[_Message], bool],
    ) -> None:
        self._source = source
        self._engine = engine
        self._load = load
        self._send = send
        self._schedule = schedule
        self._limits = limits
        self._recognises_repeats = recognises_repeats
        self._at_work: dict[asyncio.Task[None], str] = {}
        self._died: BaseException | None = None
        self._listener: Listener | None = None

    async def run(self) -> None:
        """Sends whatever becomes due. Raises what does not pass by itself."""
        try:
            while True:
                try:
                    async with Listener(self._engine, store.CHANNEL) as self._listener:
                        await self._send_due(self._listener)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    LOG.warning("sender waits", reason=type(error).__name__)
                    await asyncio.sleep(AFTER_FAILURE.total_seconds())
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=GRACE.total_seconds())
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _send_due(self, listener: Listener) -> None:
        while True:
            if self._died is not None:
                raise self._died
            claimed = await self._claim() if len(self._at_work) < self._limits.at_once else None
            if claimed is None:
                await listener.wait(await self._pause())
                continue
            task = asyncio.create_task(self._deliver(claimed))
            self._at_work[task] = claimed.one.destination
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._at_work.pop(task, None)
        if self._listener is not None:
            self._listener.wake()
        if not task.cancelled():
            self._died = self._died or task.exception()

    def _busy(self) -> list[str]:
        limit = self._limits.at_once_per_destination
        return [place for place, number in Counter(self._at_work.values()).items() if number >= limit]

    async def _claim(self) -> _Claimed[_Message] | None:
        async with self._engine.begin() as tx:
            one = await store.claim(tx, self._limits.longest + 2 * LEASE_MARGIN, self._busy())
            return None if one is None else _Claimed(one, await self._load(tx, one))

    async def _pause(self) -> float:
        longest = LOOK_AT_LEAST_EVERY.total_seconds()
        # The end of an attempt wakes for what waits behind it.
        if len(self._at_work) >= self._limits.at_once:
            return longest
        async with self._engine.connect() as connection:
            due = await store.next_due(connection, self._busy())
        return longest if due is None else min(longest, max(due, AFTER_LOST_RACE).total_seconds())

    async def _deliver(self, claimed: _Claimed[_Message]) -> None:
        one, message = claimed
        tracing.enter(tracing.new())
        recognises_repeats = self._recognises_repeats(message)
        if one.was_cut_off and not recognises_repeats:
            result = Result(Ended.UNKNOWN, f"attempt {one.attempt - 1} was cut off")
        else:
            result = await self._attempt(one, message)
        verdict = await self._note(one, result, recognises_repeats=recognises_repeats)
        LOG.info(
            "attempt ended",
            reply_id=str(one.reply_id),
            attempt=one.attempt,
            outcome=result.ended,
            state=verdict.state,
        )

    async def _attempt(self, one: Sending, message: _Message) -> Result:
        try:
            async with asyncio.timeout((self._limits.longest + LEASE_MARGIN).total_seconds()):
                return await self._send(message)
        except Exception as error:
            # Whatever is wrong with this reply or its destination, the others must leave.
            LOG.exception("attempt failed", reply_id=str(one.reply_id))
            return Result(Ended.UNKNOWN, type(error).__name__)

    async def _note(self, one: Sending, result: Result, *, recognises_repeats: bool) -> Verdict:
        """Records how the attempt ended, however long the database is away: nobody else knows it."""
        while True:
            try:
                async with self._engine.begin() as tx:
                    now = await query.now(tx)
                    verdict = judge(
                        result,
                        attempts=one.attempt,
                        requested_at=one.requested_at,
                        now=now,
                        schedule=self._schedule,
                        recognises_repeats=recognises_repeats,
                    )
                    await actions.end_attempt(tx, one, result, verdict, source=self._source, now=now)
                    return verdict
            except Exception as error:
                if not is_transient(error):
                    raise
                LOG.warning("attempt is noted later", reply_id=str(one.reply_id), reason=type(error).__name__)
                await asyncio.sleep(AFTER_FAILURE.total_seconds())
