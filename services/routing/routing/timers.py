"""Timers: what is due happens, once, however late."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from routing import clocks, offers, store
from routing.configurations import Configurations
from routing.desk import OFFER_TIMER, SLA_TIMER


async def fire(tx: AsyncConnection, configurations: Configurations, now: datetime, limit: int = 500) -> int:
    """Fires what is due: offers that nobody answered, clocks that ran out. Each once, however late. Returns how many."""
    due = await store.take_due(tx, limit)
    of_kind = {
        kind: [timer.subject for timer in due if timer.kind == kind] for kind in (OFFER_TIMER, SLA_TIMER)
    }
    if unanswered := of_kind[OFFER_TIMER]:
        await offers.expire(tx, unanswered, configurations, now)
    if run_out := of_kind[SLA_TIMER]:
        await clocks.breach(tx, run_out, now)
    return len(due)
