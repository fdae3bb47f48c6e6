"""Queues that are closed or given a state."""

from datetime import timedelta
from typing import Any

from antiphon.contracts.queues import QueueState
from routing.queues import opening
from tests.support.routing.configured import (
    BOSS,
    AgentPool,
    Json,
    queue,
)


async def put_state(pool: AgentPool, name: str, state: QueueState, reason: str = "a fire drill") -> None:
    async with pool.engine.begin() as tx:
        await opening.put_state(tx, await pool.active(tx), name, state, BOSS, reason, pool.now)


def closed_now(pool: AgentPool, name: str = "planning", **more: Any) -> list[Any]:
    """A queue whose hours begin in an hour or two, whatever the time is."""
    day = (pool.now + timedelta(hours=2)).strftime("%A").lower()
    opens = (pool.now + timedelta(hours=2)).strftime("%H:00")

    def change(organisation: Json) -> None:
        organisation["calendars"]["later"] = {
            "name": "Later", "time_zone": "UTC", "hours": {day: [f"{opens}-24:00"]},
        }  # fmt: skip

    return [change, queue(name, hours="later", **more)]
