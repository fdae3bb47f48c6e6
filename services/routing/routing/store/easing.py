"""Easing in: who comes back after a long absence is offered work at a limited rate at first, not the whole backlog."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import Writes
from routing import store
from routing.domain.sections.agents_policy import EaseIn

ANY = 1_000_000
_NOTE = (
    "update ease_in e set offered = e.offered || array_fill(cast(:{at} as timestamptz), array[r.most]) "
    f"from {recordset([store.EASE_IN.c.agent_id, store.EASE_IN.c.most], '{rows}')} r where e.agent_id = r.agent_id"
)


async def begin(tx: AsyncConnection, policy: EaseIn, agent_ids: Sequence[str], now: datetime) -> None:
    """These agents are back: what they are offered counts from now on."""
    rows = [
        {
            "agent_id": agent_id,
            "until": now + policy.lasts,
            "most": policy.offers,
            "per": policy.per,
            "offered": [],
        }
        for agent_id in sorted(agent_ids)
    ]
    await store.upsert(tx, store.EASE_IN, rows)


def note(writes: Writes, offered_to: Iterable[str], now: datetime) -> None:
    """Offers that are made to these agents, one id an offer: they count for those who ease in."""
    made = Counter(offered_to)
    if made:
        rows = [{"agent_id": agent_id, "most": made[agent_id]} for agent_id in sorted(made)]
        writes.add(_NOTE, rows=as_json(rows), at=now)


def left(row: AnyRow, now: datetime) -> int:
    """How many offers an agent can be made now, by the columns `ease_*` of their row."""
    if row.ease_until is None or row.ease_until <= now:
        return ANY
    return max(0, row.ease_most - sum(at > now - row.ease_per for at in row.ease_offered))
