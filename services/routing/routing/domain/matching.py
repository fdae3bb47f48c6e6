"""Who gets which work: the most urgent item first, each to the best agent who can take it.

Work that finds nobody free is not left beside an agent who is free: who was given work that somebody free can do as well
hands it on to them, and takes what only they can do. No item that found an agent loses it to another by that.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


class _Seeker(NamedTuple):
    """An item that looks for an agent, and who has it; None when nobody does."""

    item: Waiting
    holder: Candidate | None


class Floor:
    """Agents as work is given to them: how much each still can take, and who is the best for an item."""

    def __init__(self, agents: Iterable[Candidate]) -> None:
        self._agents = {agent.agent_id: agent for agent in agents}
        self._free = {agent.agent_id: agent.free for agent in self._agents.values()}
        self._offers = {agent.agent_id: agent.offers for agent in self._agents.values()}
        self._load = {agent.agent_id: agent.load for agent in self._agents.values()}
        self._in_queue: dict[str, set[str]] = {}
        for agent in self._agents.values():
            for queue in agent.queues:
                self._in_queue.setdefault(queue, set()).add(agent.agent_id)
        self._skilled: dict[str, dict[str, int]] = {}
        for agent in self._agents.values():
            for skill, level in agent.skills.items():
                self._skilled.setdefault(skill, {})[agent.agent_id] = level
        self._suited: dict[_Asked, dict[str, Candidate]] = {}
        self._ranked: dict[tuple[str, _Asked, _Needs], list[_Rank]] = {}
        self._given: dict[str, dict[UUID, Waiting]] = {}
        self._exhausted: set[str] = set()

    def room(self, queues: Collection[str], needs: Mapping[str, int]) -> int:
        """The units that those who can do such work still can take."""
        return sum(
            min(self._free[agent_id], self._offers[agent_id])
            for agent_id in self._able(frozenset(queues), needs)
            if self._free[agent_id] > 0
        )

    def best(self, item: Waiting, now: datetime, again_after: timedelta) -> Candidate | None:
        """Who gets the item; None when nobody can, or somebody who is busy is worth waiting for.

        Who declined it is not asked again while another can take it; when nobody else can, after `again_after`.
        """
        suited = self._able(item.queues, item.needs)
        last = self._last(item)
        if last is not None and self._fits(item, last):
            return last
        if self._held(item, now):
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
        self._hand(item, agent, 1)
        self._given.setdefault(agent.agent_id, {})[item.work_item_id] = item

    def hand_on(self, item: Waiting, now: datetime) -> list[tuple[Waiting, Candidate]]:
        """Finds an agent for an item that nobody free can take, by moving what was given to others; no move if none can.

        Nothing is moved from its preferred agent, nor to one who is of another team or has fewer of the preferred skills.
        """
        if self._held(item, now):
            return []
        came: dict[str, _Seeker] = {}
        seekers = deque([_Seeker(item, None)])
        while seekers:
            seeker = seekers.popleft()
            for agent in self._others(seeker):
                if agent.agent_id in came or agent.agent_id in self._exhausted:
                    continue
                came[agent.agent_id] = seeker
                if self._fits(seeker.item, agent):
                    return self._moved(agent, came)
                seekers.extend(self._who_could_leave(agent, seeker.item))
        # What is reached from here leads nobody else anywhere.
        self._exhausted |= came.keys()
        return []

    def _last(self, item: Waiting) -> Candidate | None:
        """The preferred agent, if they can do the work and did not decline it."""
        if item.preferred is None or item.preferred in item.refused:
            return None
        return self._able(item.queues, item.needs).get(item.preferred)

    def _held(self, item: Waiting, now: datetime) -> bool:
        """Whether the item waits for its preferred agent."""
        return item.hold_until is not None and item.hold_until > now and self._last(item) is not None

    def _others(self, seeker: _Seeker) -> Iterator[Candidate]:
        """Who else can do the work, as well as who has it now."""
        item, holder = seeker
        most = self._rank(item, holder)[:2] if holder else None
        for agent in self._able(item.queues, item.needs).values():
            if agent.agent_id not in item.refused and (most is None or self._rank(item, agent)[:2] <= most):
                yield agent

    def _who_could_leave(self, agent: Candidate, item: Waiting) -> Iterator[_Seeker]:
        """What was given to the agent and makes room for the item when another has it."""
        wanted = taken(item, agent) - self._free[agent.agent_id]
        for other in self._given.get(agent.agent_id, {}).values():
            if other.preferred != agent.agent_id and taken(other, agent) >= wanted:
                yield _Seeker(other, agent)

    def _moved(self, agent: Candidate, came: Mapping[str, _Seeker]) -> list[tuple[Waiting, Candidate]]:
        moves: list[tuple[Waiting, Candidate]] = []
        taker: Candidate | None = agent
        while taker is not None:
            item, holder = came[taker.agent_id]
            if holder is not None:
                self._hand(item, holder, -1)
                del self._given[holder.agent_id][item.work_item_id]
            self.give(item, taker)
            moves.append((item, taker))
            taker = holder
        return moves

    def _hand(self, item: Waiting, agent: Candidate, sign: int) -> None:
        units = taken(item, agent) * sign
        self._free[agent.agent_id] -= units
        self._offers[agent.agent_id] -= sign
        self._load[agent.agent_id] += units

    def _able(self, queues: frozenset[str], needs: Mapping[str, int]) -> Mapping[str, Candidate]:
        """The members of the queues who have the skills, by id and in its order, whether or not they have room."""
        asked = queues, tuple(needs.items())
        if asked not in self._suited:
            members = [self._in_queue.get(queue, set()) for queue in queues]
            able = set().union(*members)
            for skill, least in needs.items():
                levels = self._skilled.get(skill, {})
                able = {agent_id for agent_id in able & levels.keys() if levels[agent_id] >= least}
            self._suited[asked] = {agent_id: self._agents[agent_id] for agent_id in sorted(able)}
        return self._suited[asked]

    def _fits(self, item: Waiting, agent: Candidate) -> bool:
        return self._free[agent.agent_id] >= taken(item, agent) and self._offers[agent.agent_id] > 0

    def _rank(self, item: Waiting, agent: Candidate) -> _Rank:
        lacks = level = 0
        for skill, least in item.prefers.items():
            lacks += agent.skills.get(skill, 0) < least
        for skill in item.needs:
            level += agent.skills.get(skill, 0)
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
    pairs: dict[UUID, str] = {}
    left: list[Waiting] = []
    for item in sorted(items, key=urgency):
        agent = floor.best(item, now, again_after)
        if agent is not None:
            floor.give(item, agent)
            pairs[item.work_item_id] = agent.agent_id
        else:
            left.append(item)
    for item in left:
        for moved, agent in floor.hand_on(item, now):
            pairs[moved.work_item_id] = agent.agent_id
    return list(pairs.items())
