"""Ramp-up: an agent who comes back after a long absence is offered work at a limited rate at first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Column, DateTime, Integer, Interval, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.organisation.agent_policy import RampUp
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, recordset
from antiphon.postgres.writes import Writes
from routing.store.base import METADATA, upsert

# Agents who ramp up: at most `most` offers in any `per`, until `until`; `offered` has the times of their offers.
RAMP_UP = Table(
    "ramp_up",
    METADATA,
    Column("agent_id", Text, primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("most", Integer, nullable=False),
    Column("per", Interval, nullable=False),
    Column("offered", ARRAY(DateTime(timezone=True)), nullable=False),
    info=personal(
        none=["offered"],
        staff=["agent_id"],
    ),
)


ANY = 1_000_000


_NOTE = (
    "update ramp_up e set offered = e.offered || array_fill(cast(:{at} as timestamptz), array[r.most]) "
    f"from {recordset([RAMP_UP.c.agent_id, RAMP_UP.c.most], '{rows}')} r where e.agent_id = r.agent_id"
)


async def begin(tx: AsyncConnection, policy: RampUp, agent_ids: Sequence[str], now: datetime) -> None:
    """Begins the ramp-up of these agents: their offers count from now on."""
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
    await upsert(tx, RAMP_UP, rows)


def note(writes: Writes, offered_to: Iterable[str], now: datetime) -> None:
    """Records offers to these agents, one id for each offer; they count for those who ramp up."""
    made = Counter(offered_to)
    if made:
        rows = [{"agent_id": agent_id, "most": made[agent_id]} for agent_id in sorted(made)]
        writes.add(_NOTE, rows=as_json(rows), at=now)


def left(row: AnyRow, now: datetime) -> int:
    """Returns how many offers an agent may get now, by the columns `ramp_up_*` of their row; `ANY` without a ramp-up."""
    if row.ramp_up_until is None or row.ramp_up_until <= now:
        return ANY
    return max(0, row.ramp_up_most - sum(at > now - row.ramp_up_per for at in row.ramp_up_offered))
