"""Queues that are closed by their hours, and queue states that a supervisor sets."""

from datetime import timedelta
from typing import Any

from antiphon.contracts.queues import QueueState
from routing.queues import opening
from tests.support.routing.agent_pool import SUPERVISOR, AgentPool
from tests.support.routing.organisation import Change, Json, queue


async def put_state(pool: AgentPool, name: str, state: QueueState, reason: str = "a fire drill") -> None:
    """A supervisor sets the state of a queue."""
    async with pool.engine.begin() as tx:
        await opening.put_state(tx, await pool.active(tx), name, state, SUPERVISOR, reason, pool.now)


def closed_now(pool: AgentPool, name: str = "planning", **settings: Any) -> list[Change]:
    """Changes of the organisation: the queue's hours begin in one to two hours."""
    day = (pool.now + timedelta(hours=2)).strftime("%A").lower()
    opens = (pool.now + timedelta(hours=2)).strftime("%H:00")

    def change(organisation: Json) -> None:
        organisation["calendars"]["later"] = {
            "name": "Later", "time_zone": "UTC", "hours": {day: [f"{opens}-24:00"]},
        }  # fmt: skip

    return [change, queue(name, hours="later", **settings)]
