"""Agents who are heard from and agents who fall silent."""

from datetime import timedelta

from sqlalchemy import text

from routing import store
from tests.support.routing.configured import AgentPool


async def silence(pool: AgentPool, seconds: int, who: str) -> None:
    """The agent was heard of that long ago, and the timer that watches them is due."""
    async with pool.engine.begin() as tx:
        given = {"s": timedelta(seconds=seconds), "a": who}
        await tx.execute(
            text("update agent set last_heartbeat_at = now() - cast(:s as interval) where agent_id = :a"),
            given,
        )
    await pool.make_due("presence-lost")


async def heartbeat(pool: AgentPool, who: str) -> str | None:
    async with pool.engine.begin() as tx:
        row = await store.agents.heartbeat(tx, who)
    return row.presence if row else None
