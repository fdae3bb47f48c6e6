"""Who gets which work: the most urgent item first, each to the best agent who can take it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple, Protocol
from uuid import UUID

_Needs = tuple[tuple[str, int], ...]
_Asked = tuple[frozenset[str], _Needs]


class Waiting(NamedTuple):
    """A work item that waits, and the agents who declined it or let it pass, with when.

    `preferred` is the agent who is best for it, `prefers` are skills that are better and not needed.
    """

    work_item_id: UUID
    queue: str
    needs: Mapping[str, int]
    order_at: datetime
    queued_at: datetime
    refused: Mapping[str, datetime]
    preferred: str | None = None
    prefers: Mapping[str, int] = {}
    units: int = 1
    hold_until: datetime | None = None
    also_queues: Collection[str] = ()

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members are asked."""
        return frozenset({self.queue, *self.also_queues})


class Candidate(NamedTuple):
    """An agent who is available: what they can do, how much they can still take and how many offers they may be made."""

    agent_id: str
    queues: Collection[str]
    skills: Mapping[str, int]
    free: int
    load: int
    idle_since: datetime
    offers: int = 1_000_000


def urgency(item: Waiting) -> tuple[datetime, datetime, UUID]:
    """The order of waiting work: by its moment, then who waited longest, the same whoever asks."""
    return item.order_at, item.queued_at, item.work_item_id


class Skilled(Protocol):
    """Who can do something."""

    @property
    def skills(self) -> Mapping[str, int]: ...  # noqa: D102


def lacking(item: Waiting, agent: Skilled) -> list[str]:
    """The skills, with their level, that the item needs and the agent does not have."""
    return [f"{skill} {level}" for skill, level in item.needs.items() if agent.skills.get(skill, 0) < level]


def _has(agent: Candidate, needs: Mapping[str, int]) -> bool:
    return all(agent.skills.get(skill, 0) >= level for skill, level in needs.items())


def taken(item: Waiting, agent: Candidate) -> int:
    """The units that the item takes of the agent: all they have when it is worth more than that."""
    return max(1, min(item.units, agent.free + agent.load))


def why_not(item: Waiting, agent: Candidate) -> str | None:
    """Why an available agent can't take the item; None when they can."""
    if item.queues.isdisjoint(agent.queues):
        return "not in this queue"
    if lacks := lacking(item, agent):
        return f"lacks {', '.join(lacks)}"
    return "no capacity" if agent.free < taken(item, agent) else None


# What a candidate is chosen by, the least first: of another team, preferred skills lacked, load, level, idle since, id.
_Rank = tuple[bool, int, int, int, datetime, str, Candidate]


class Floor:
    """Agents as work is given to them: how much each still can take, and who is the best for an item."""

    def __init__(self, agents: Iterable[Candidate]) -> None:
        self._agents = {agent.agent_id: agent for agent in agents}
        self._free = {agent.agent_id: agent.free for agent in self._agents.values()}
        self._offers = {agent.agent_id: agent.offers for agent in self._agents.values()}
        self._load = {agent.agent_id: agent.load for agent in self._agents.values()}
        self._in_queue: dict[str, list[Candidate]] = {}
        for agent in self._agents.values():
            for queue in agent.queues:
                self._in_queue.setdefault(queue, []).append(agent)
        self._suited: dict[_Asked, dict[str, Candidate]] = {}
        self._ranked: dict[tuple[str, _Asked, _Needs], list[_Rank]] = {}

    def room(self, queues: Collection[str], needs: Mapping[str, int]) -> int:
        """The units that those who can do such work still can take."""
        return sum(
            min(self._free[agent.agent_id], self._offers[agent.agent_id])
            for agent in self._members(queues)
            if self._free[agent.agent_id] > 0 and _has(agent, needs)
        )

    def best(self, item: Waiting, now: datetime, again_after: timedelta) -> Candidate | None:
        """Who gets the item; None when nobody can, or somebody who is busy is worth waiting for.

        Who declined it is not asked again while another can take it; when nobody else can, after `again_after`.
        """
        suited = self._able(item)
        last = suited.get(item.preferred) if item.preferred and item.preferred not in item.refused else None
        if last is not None:
            if self._fits(item, last):
                return last
            if item.hold_until is not None and item.hold_until > now:
                return None
        if not item.refused:
            return self._first(item, suited)
        if suited.keys() <= item.refused.keys():
            again = [
                (a.agent_id != item.preferred, self._rank(item, a))
                for a in suited.values()
                if self._fits(item, a) and now - item.refused[a.agent_id] >= again_after
            ]
            return min(again)[1][-1] if again else None
        # Somebody fresh who is only busy now is worth waiting for.
        return self._first(item, suited)

    def give(self, item: Waiting, agent: Candidate) -> None:
        """The agent has the item."""
        units = taken(item, agent)
        self._free[agent.agent_id] -= units
        self._offers[agent.agent_id] -= 1
        self._load[agent.agent_id] += units

    def _members(self, queues: Collection[str]) -> Iterable[Candidate]:
        return {a.agent_id: a for queue in queues for a in self._in_queue.get(queue, ())}.values()

    def _able(self, item: Waiting) -> Mapping[str, Candidate]:
        """The agents of the queue who have the skills, by id, whether or not they have room."""
        asked = item.queues, tuple(item.needs.items())
        if asked not in self._suited:
            members = self._members(item.queues)
            self._suited[asked] = {agent.agent_id: agent for agent in members if _has(agent, item.needs)}
        return self._suited[asked]

    def _fits(self, item: Waiting, agent: Candidate) -> bool:
        return self._free[agent.agent_id] >= taken(item, agent) and self._offers[agent.agent_id] > 0

    def _rank(self, item: Waiting, agent: Candidate) -> _Rank:
        lacks = sum(agent.skills.get(skill, 0) < level for skill, level in item.prefers.items())
        level = sum(agent.skills.get(skill, 0) for skill in item.needs)
        other = item.queue not in agent.queues
        return other, lacks, self._load[agent.agent_id], -level, agent.idle_since, agent.agent_id, agent

    def _first(self, item: Waiting, suited: Mapping[str, Candidate]) -> Candidate | None:
        asked = item.queue, (item.queues, tuple(item.needs.items())), tuple(item.prefers.items())
        ranked = self._ranked.get(asked)
        if ranked is None:
            ranked = [self._rank(item, a) for a in suited.values() if self._free[a.agent_id] > 0]
            heapify(ranked)
            self._ranked[asked] = ranked
        passed: list[_Rank] = []
        found = None
        while ranked and found is None:
            rank = ranked[0]
            agent = rank[-1]
            if self._free[agent.agent_id] <= 0 or self._offers[agent.agent_id] <= 0:
                heappop(ranked)
            elif rank[2] != self._load[agent.agent_id]:  # they got work meanwhile
                heapreplace(ranked, (*rank[:2], self._load[agent.agent_id], *rank[3:]))
            elif agent.agent_id in item.refused or not self._fits(item, agent):
                passed.append(heappop(ranked))
            else:
                found = agent
        for rank in passed:
            heappush(ranked, rank)
        return found


def match(
    items: Sequence[Waiting], agents: Sequence[Candidate], now: datetime, again_after: timedelta
) -> list[tuple[UUID, str]]:
    """Pairs of work item and agent, the most urgent item first, each with the best; nobody gets more than they have free."""
    floor = Floor(agents)
    pairs: list[tuple[UUID, str]] = []
    for item in sorted(items, key=urgency):
        agent = floor.best(item, now, again_after)
        if agent is not None:
            floor.give(item, agent)
            pairs.append((item.work_item_id, agent.agent_id))
    return pairs
