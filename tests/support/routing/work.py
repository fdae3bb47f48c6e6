"""The work of a case, and its timers."""

from datetime import datetime

from antiphon.postgres.query import AnyRow
from tests.support.routing.agent_pool import AgentPool


async def work(pool: AgentPool, reference: str = "C-1") -> AnyRow:
    """The row of the work item of the case with this reference."""
    return (await pool.works())[reference]


async def timers(pool: AgentPool, kind: str = "step") -> list[datetime]:
    """The due times of the timers of a kind, the earliest first."""
    rows = await pool.rows("select due_at from timer where kind = :k order by due_at", k=kind)
    return [row.due_at for row in rows]
