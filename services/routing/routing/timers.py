"""Timers: what is due happens, once, however late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import logs, metrics
from antiphon.database import AnyRow
from antiphon.failures import one_by_one
from routing import clocks, desk, escalation, offers, presence, publications, review, staff, store
from routing.configurations import Configurations

LOG = logs.get(__name__)
PUT_OFF = timedelta(minutes=1)


async def fire(
    tx: AsyncConnection,
    configurations: Configurations,
    now: datetime,
    limit: int = 500,
    *,
    apart: bool = False,
) -> int:
    """Fires what is due of one kind: offers nobody answered, clocks that ran out, presences that were lost, pauses that passed, steps, reviews. Each once, however late. Returns how many; while there are some, others may be due.

    `apart`: each on its own, because all together failed. One that fails is told, and tried again in a minute.
    """
    due = await store.take_due(tx, limit)
    if not due:
        return 0
    if not apart:
        await _fire(tx, due, configurations, now)
        return len(due)
    failed = await one_by_one(tx, due, lambda timer: _fire(tx, [timer], configurations, now))
    for timer, error in failed:
        LOG.error("timer failed", kind=timer.kind, subject=str(timer.subject), exc_info=error)
        metrics.TASK_FAILURES.labels("timer").inc()
    await store.upsert(
        tx,
        store.TIMER,
        [{"kind": t.kind, "subject": t.subject, "due_at": now + PUT_OFF} for t, _ in failed],
    )
    return len(due)


async def _fire(
    tx: AsyncConnection, due: Sequence[AnyRow], configurations: Configurations, now: datetime
) -> None:
    kind: str = due[0].kind
    subjects: list[UUID] = [timer.subject for timer in due]
    match kind:
        case desk.OFFER_TIMER:
            await offers.expire(tx, subjects, configurations, now)
        case desk.SLA_TIMER:
            await clocks.fire(tx, {timer.subject: timer.due_at for timer in due}, configurations, now)
        case staff.PRESENCE_TIMER:
            await presence.lose(tx, subjects, configurations, now)
        case publications.BEGIN_TIMER | publications.WIDEN_TIMER | publications.END_TIMER:
            for publication in subjects:
                await publications.fire(tx, kind, publication, now)
        case desk.STEP_TIMER:
            await escalation.step(tx, subjects, configurations, now)
        case store.REVIEW_TIMER:
            await review.review(tx, configurations, now)
        case _:  # a pause is over: wrapping up, or the wait for who is preferred
            await store.wake(tx)
