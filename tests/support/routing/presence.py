"""Agents whose desktops send heartbeats, and agents whose heartbeats have stopped."""

from datetime import timedelta

from sqlalchemy import text

from routing import store
from tests.support.routing.agent_pool import AgentPool


async def miss_heartbeats(pool: AgentPool, seconds: int, agent: str) -> None:
    """Sets the agent's last heartbeat to so many seconds ago, and fires the timers that watch heartbeats."""
    async with pool.engine.begin() as tx:
        await tx.execute(
            text("update agent set last_heartbeat_at = now() - cast(:s as interval) where agent_id = :a"),
            {"s": timedelta(seconds=seconds), "a": agent},
        )
    await pool.make_due("presence-lost")


async def heartbeat(pool: AgentPool, agent: str) -> str | None:
    """Sends a heartbeat; returns the presence of the agent, None when they are offline."""
    async with pool.engine.begin() as tx:
        row = await store.agents.heartbeat(tx, agent)
    return row.presence if row else None
