"""What must hold at every moment of a rush, looked at in the database while it lasts: each look is one statement."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tests.faults.found import Found
from tests.faults.rush.crew import Member
from tests.faults.rush.people import People
from tests.load.flow import Flow

LOOK_S = 0.5
FORGOT_AFTER_S = 10.0
_LOOK = """
    select w.work_item_id, w.case_id, w.state, w.agent_id, w.queue, w.also_queues, w.skills, w.units, a.presence,
        o.offer_id, o.agent_id as offered_to, extract(epoch from clock_timestamp() - w.changed_at) as since
    from work_item w left join agent a using (agent_id)
    left join offer o on o.work_item_id = w.work_item_id and o.result is null
    where w.state in ('offered', 'accepted') or o.offer_id is not null
"""
_DOUBLED = "select case_id from work_item where state <> 'completed' group by 1 having count(*) > 1"
_LEFT = """
    select count(*) filter (where state = 'completed') as completed, count(*) as there, count(distinct case_id) as cases
    from work_item
"""


class Watch:
    """Looks until `count` items are completed, and tells agents what there is for them."""

    def __init__(
        self, flow: Flow, members: Mapping[str, Member], people: People, found: Found, count: int
    ) -> None:
        self._flow = flow
        self._members = members
        self._people = people
        self._found = found
        self._count = count
        self._rung: set[UUID] = set()
        self._noted: set[str] = set()
        self.looks = self.most_held = self.completed = 0

    async def run(self) -> None:
        """Returns when nothing is left to do."""
        while self.completed < self._count:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Looks once."""
        rows = await self._flow.ask("routing", _LOOK)
        self.looks += 1
        self.most_held = max(self.most_held, len(rows))
        doubled = [
            f"case {row['case_id']} has two open items" for row in await self._flow.ask("routing", _DOUBLED)
        ]
        placed = wrongs(rows, self._members)
        self._found.misplaced += len(set(placed) - self._noted)
        self._found.doubled += len(set(doubled) - self._noted)
        # What stays wrong is seen again at each look.
        self._found.notes += sorted({*placed, *doubled} - self._noted)
        self._noted.update(placed, doubled)
        (left,) = await self._flow.ask("routing", _LEFT)
        self.completed = left["completed"]
        fresh = [row for row in rows if row["offer_id"] is not None and row["offer_id"] not in self._rung]
        self._rung.update(row["offer_id"] for row in fresh)
        forgot = [r["agent_id"] for r in rows if r["state"] == "accepted" and r["since"] > FORGOT_AFTER_S]
        self._people.ring([row["offered_to"] for row in fresh], forgot)


def wrongs(rows: list[Any], members: Mapping[str, Member]) -> list[str]:
    """Work that is with who has no room for it, can't do it or is not there; offers that stand beside their work."""
    found: list[str] = []
    held: dict[str, list[int]] = {}
    for row in rows:
        item, agent = row["work_item_id"], row["agent_id"]
        if (row["state"] == "offered") != (row["offer_id"] is not None):
            found.append(f"{item} is {row['state']}, its offer {row['offer_id']}")
        if row["offer_id"] is not None and row["offered_to"] != agent:
            found.append(f"{item} is with {agent} and offered to {row['offered_to']}")
        if agent is None:
            continue
        member = members[agent]
        held.setdefault(agent, []).append(row["units"])
        lacks = {s: level for s, level in _needs(row).items() if member.skills.get(s, 0) < level}
        if lacks:
            found.append(f"{item} is with {agent}, who lacks {lacks}")
        if member.queues.isdisjoint({row["queue"], *row["also_queues"]}):
            found.append(f"{item} of {row['queue']} is with {agent} of {sorted(member.queues)}")
        if row["presence"] in {None, "offline"}:
            found.append(f"{item} is with {agent}, who is {row['presence']}")
    for who, units in held.items():
        # An item that is worth more than an agent has takes all of them, and is then all they have.
        if sum(units) > members[who].capacity and len(units) > 1:
            found.append(f"{who} holds {units} of {members[who].capacity} units")
    return found


def _needs(row: Any) -> Mapping[str, int]:
    skills = row["skills"]
    needs: Mapping[str, int] = json.loads(skills) if isinstance(skills, str) else skills
    return needs
