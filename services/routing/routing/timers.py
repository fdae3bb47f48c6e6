"""Timers: what is due happens, once, however late."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from routing import clocks, escalation, offers, presence, publications, review, store
from routing.configurations import Configurations
from routing.desk import HOLD_TIMER, OFFER_TIMER, SLA_TIMER, STEP_TIMER, WRAP_UP_TIMER
from routing.staff import PRESENCE_TIMER


async def fire(tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 500) -> int:
    """Fires what is due: offers nobody answered, clocks that ran out, presences that were lost, pauses that passed, steps, reviews. Each once, however late. Returns how many."""
    due = await store.take_due(tx, limit)
    of_kind: dict[str, list[UUID]] = {}
    for timer in due:
        of_kind.setdefault(timer.kind, []).append(timer.subject)
    if unanswered := of_kind.get(OFFER_TIMER):
        await offers.expire(tx, unanswered, configurations, now)
    if ticked := {timer.subject: timer.due_at for timer in due if timer.kind == SLA_TIMER}:
        await clocks.fire(tx, ticked, configurations, now)
    if unheard := of_kind.get(PRESENCE_TIMER):
        await presence.lose(tx, unheard, configurations, now)
    for kind in (publications.BEGIN_TIMER, publications.WIDEN_TIMER, publications.END_TIMER):
        for publication in of_kind.get(kind, ()):
            await publications.fire(tx, kind, publication, now)
    if stepping := of_kind.get(STEP_TIMER):
        await escalation.step(tx, stepping, configurations, now)
    if store.REVIEW_TIMER in of_kind:
        await review.review(tx, configurations, now)
    if WRAP_UP_TIMER in of_kind or HOLD_TIMER in of_kind:
        await store.wake(tx)
    return len(due)
