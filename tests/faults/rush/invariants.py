"""Checks in the database during a rush what must always hold. Each check is one statement, hence of one moment."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tests.faults.result import FaultResult
from tests.faults.rush.agents import Agents
from tests.faults.rush.organisation import Agent
from tests.load.flow import Flow

CHECK_EVERY_S = 0.5
OVERDUE_AFTER_S = 10.0
_ASSIGNED = """
    select w.work_item_id, w.case_id, w.state, w.agent_id, w.queue, w.also_queues, w.skills, w.units, a.presence,
        o.offer_id, o.agent_id as offered_to, extract(epoch from clock_timestamp() - w.changed_at) as since
    from work_item w left join agent a using (agent_id)
    left join offer o on o.work_item_id = w.work_item_id and o.result is null
    where w.state in ('offered', 'accepted') or o.offer_id is not null
"""
_DOUBLED = "select case_id from work_item where state <> 'completed' group by 1 having count(*) > 1"
_COMPLETED = "select count(*) as completed from work_item where state = 'completed'"


class InvariantChecks:
    """Checks until `count` items are completed, and notifies agents of their offers and of overdue work."""

    def __init__(
        self, flow: Flow, employed: Mapping[str, Agent], agents: Agents, result: FaultResult, count: int
    ) -> None:
        self._flow = flow
        self._employed = employed
        self._agents = agents
        self._result = result
        self._count = count
        self._notified: set[UUID] = set()
        self._reported: set[str] = set()
        self.checks = self.most_assigned = self.completed = 0

    async def run(self) -> None:
        """Returns when all items are completed."""
        while self.completed < self._count:
            await self.check()
            await asyncio.sleep(CHECK_EVERY_S)

    async def check(self) -> None:
        """Checks once; counts each violation once."""
        rows = await self._flow.query("routing", _ASSIGNED)
        self.checks += 1
        self.most_assigned = max(self.most_assigned, len(rows))
        doubled = [
            f"case {row['case_id']} has two open items" for row in await self._flow.query("routing", _DOUBLED)
        ]
        misplaced = violations_of(rows, self._employed)
        self._result.misplaced += len(set(misplaced) - self._reported)
        self._result.doubled += len(set(doubled) - self._reported)
        self._result.notes += sorted({*misplaced, *doubled} - self._reported)
        self._reported.update(misplaced, doubled)
        (row,) = await self._flow.query("routing", _COMPLETED)
        self.completed = row["completed"]
        new = [row for row in rows if row["offer_id"] is not None and row["offer_id"] not in self._notified]
        self._notified.update(row["offer_id"] for row in new)
        overdue = [r["agent_id"] for r in rows if r["state"] == "accepted" and r["since"] > OVERDUE_AFTER_S]
        self._agents.notify([row["offered_to"] for row in new], overdue)


def violations_of(rows: list[Any], employed: Mapping[str, Agent]) -> list[str]:
    """Work with an agent who has no free capacity for it, may not do it or is offline; offers that do not match their work item."""
    violations: list[str] = []
    units_of: dict[str, list[int]] = {}
    for row in rows:
        item, agent = row["work_item_id"], row["agent_id"]
        if (row["state"] == "offered") != (row["offer_id"] is not None):
            violations.append(f"{item} is {row['state']}, its offer {row['offer_id']}")
        if row["offer_id"] is not None and row["offered_to"] != agent:
            violations.append(f"{item} is with {agent} and offered to {row['offered_to']}")
        if agent is None:
            continue
        own = employed[agent]
        units_of.setdefault(agent, []).append(row["units"])
        lacks = {s: level for s, level in _needs(row).items() if own.skills.get(s, 0) < level}
        if lacks:
            violations.append(f"{item} is with {agent}, who lacks {lacks}")
        if own.queues.isdisjoint({row["queue"], *row["also_queues"]}):
            violations.append(f"{item} of {row['queue']} is with {agent} of {sorted(own.queues)}")
        if row["presence"] in {None, "offline"}:
            violations.append(f"{item} is with {agent}, who is {row['presence']}")
    for agent, units in units_of.items():
        # An item that needs more units than the agent's capacity takes all of them, and is the agent's only item.
        if sum(units) > employed[agent].capacity and len(units) > 1:
            violations.append(f"{agent} holds {units} of {employed[agent].capacity} units")
    return violations


def _needs(row: Any) -> Mapping[str, int]:
    skills = row["skills"]
    needs: Mapping[str, int] = json.loads(skills) if isinstance(skills, str) else skills
    return needs
