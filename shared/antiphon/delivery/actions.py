"""What delivery does, each in the transaction that it is given, together with its event."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.envelope import encode
from antiphon.contracts.replies import FailureOutcome, ReplyEvent
from antiphon.delivery import events, store
from antiphon.delivery.attempts import Result, State, Verdict
from antiphon.delivery.store import Asked, Sending
from antiphon.kafka import outbox
from antiphon.postgres.writes import Writes
from antiphon.process import tracing


async def take(
    tx: AsyncConnection, writes: Writes, asked: Sequence[Asked], *, source: str, now: datetime
) -> set[UUID]:
    """Keeps replies to be sent, each once, and returns the ids of those that are new.

    What is refused has failed at once: its event is added to `writes`, for the caller to send with writes of its own.
    """
    new = await store.add(tx, asked, now)
    failed = {
        one.request.reply_id: events.failed(one.request, FailureOutcome.REFUSED, one.refused, 0, now)
        for one in asked
        if one.refused is not None and one.request.reply_id in new
    }
    _put(writes, list(failed.values()), source, now)
    return new


async def end_attempt(
    tx: AsyncConnection, one: Sending, result: Result, verdict: Verdict, *, source: str, now: datetime
) -> None:
    """Records how an attempt ended; the event too, once, when the reply is sent or failed by it."""
    moved = await store.end_attempt(tx, one, result, verdict, now)
    if not moved or verdict.state is State.WAITING:
        return
    if verdict.failure is None:
        event: ReplyEvent = events.sent(one.request, result.native_ids, now, link=result.link)
    else:
        reason = store.detail(result.detail or result.ended)
        event = events.failed(one.request, verdict.failure, reason, one.attempt, now)
    await _publish(tx, event, source, now)


async def report_returned(
    tx: AsyncConnection, reply_id: UUID, reason: str, *, source: str, now: datetime
) -> None:
    """A reply that was sent came back for good: it has failed after all. Anything else changes nothing."""
    returned = await store.mark_returned(tx, reply_id, reason, now)
    if returned is not None:
        failed = events.failed(returned.request, FailureOutcome.REFUSED, reason, returned.attempts, now)
        await _publish(tx, failed, source, now)


async def _publish(tx: AsyncConnection, event: ReplyEvent, source: str, now: datetime) -> None:
    writes = Writes()
    _put(writes, [event], source, now)
    await writes.send(tx)


def _put(writes: Writes, happened: Sequence[ReplyEvent], source: str, now: datetime) -> None:
    trace = tracing.current()
    outbox.put(writes, [encode(event, source=source, time=now, traceparent=trace) for event in happened])
