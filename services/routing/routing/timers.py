"""Timers: fires what is due, once, however late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.failures import with_savepoints
from antiphon.postgres import query
from antiphon.postgres.query import AnyRow
from antiphon.process import logs, metrics
from routing import store
from routing.agents import presence
from routing.configuration import publications
from routing.configuration.active import Configurations
from routing.domain.timer import TimerKind
from routing.sla import clocks
from routing.work import escalation, offers, review

LOG = logs.get(__name__)
RETRY_AFTER = timedelta(minutes=1)


async def fire(
    tx: AsyncConnection,
    configurations: Configurations,
    now: datetime,
    limit: int = 500,
    *,
    individually: bool = False,
) -> int:
    """Fires due timers of one kind, each once, however late. Returns how many; above 0, more may be due.

    `individually`: fires one timer, after several together failed; a timer that fails is logged and fires again in a minute.
    Only one per transaction: several that run one after the other would not take their locks in order.
    """
    due = await store.timers.take_due(tx, 1 if individually else limit)
    if not due:
        return 0
    if not individually:
        await _fire(tx, due, configurations, now)
        return len(due)
    for timer, error in await with_savepoints(tx, due, lambda timer: _fire(tx, [timer], configurations, now)):
        reason = f"{type(error).__name__}: {error}"
        LOG.error(
            "timer failed and was rescheduled", kind=timer.kind, subject=str(timer.subject), reason=reason
        )
        metrics.TASK_FAILURES.labels("timers").inc()
        again = await query.now(tx) + RETRY_AFTER
        await store.base.upsert(
            tx, store.timers.TIMER, [{"kind": timer.kind, "subject": timer.subject, "due_at": again}]
        )
    return len(due)


async def _fire(
    tx: AsyncConnection, due: Sequence[AnyRow], configurations: Configurations, now: datetime
) -> None:
    kind = TimerKind(due[0].kind)
    subjects: list[UUID] = [timer.subject for timer in due]
    match kind:
        case TimerKind.OFFER_EXPIRY:
            await offers.expire(tx, subjects, configurations, now)
        case TimerKind.SLA_CLOCK:
            await clocks.fire(tx, {timer.subject: timer.due_at for timer in due}, configurations, now)
        case TimerKind.PRESENCE_LOST:
            await presence.expire_silent(tx, subjects, configurations, now)
        case TimerKind.PUBLICATION_BEGINS | TimerKind.PUBLICATION_WIDENS | TimerKind.PUBLICATION_ENDS:
            for publication in subjects:
                await publications.fire(tx, kind, publication, now)
        case TimerKind.STEP:
            await escalation.take_due_steps(tx, subjects, configurations, now)
        case TimerKind.REVIEW:
            await review.review(tx, configurations, now)
        case TimerKind.HOLD:
            await review.end_holds(tx, subjects, now)
        case TimerKind.WRAP_UP:
            await store.work_items.wake(tx)
