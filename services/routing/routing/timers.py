"""Timers: what is due happens, once, however late."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from routing import clocks, desk, escalation, offers, presence, publications, review, staff, store
from routing.configurations import Configurations


async def fire(tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 500) -> int:
    """Fires what is due of one kind: offers nobody answered, clocks that ran out, presences that were lost, pauses that passed, steps, reviews. Each once, however late. Returns how many; while there are some, others may be due."""
    due = await store.take_due(tx, limit)
    if not due:
        return 0
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
    return len(due)
