"""Which agent gets which work: the most urgent item first, each to the best agent who can take it.

When no able agent is free for an item, agents hand items of this pass on to free agents who can do them as well, so that
the item finds an agent (augmenting paths, docs/adr/0009). No item that had an agent loses its place by that.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple
from uuid import UUID

from routing.domain.matching.eligibility import Candidate, Waiting, units_taken, urgency

_Needs = tuple[tuple[str, int], ...]
_Asked = tuple[frozenset[str], _Needs]
_Kind = tuple[tuple[str, ...], int]
_Line = tuple[str, _Asked, _Needs, tuple[str, ...], bool]


# The sort key of candidates, the least first: is of another queue's team, preferred skills lacked, load of the item's sort and of
# the other sort (units, items of no units), level, idle since, id.
_Rank = tuple[bool, int, int, int, int, datetime, str, Candidate]


class _Seeker(NamedTuple):
    """An item that looks for an agent: who holds it (None: nobody), and the item that would take its place with the holder."""

    item: Waiting
    holder: Candidate | None
    follower: "_Seeker | None" = None

    @property
    def kind(self) -> _Kind:
        """What decides whether an agent has capacity for it."""
        return self.item.profiles, self.item.units

    def would_move(self, agent: Candidate) -> bool:
        """Whether an item already leaves the agent on the path to this one."""
        at: _Seeker | None = self
        while at is not None and at.holder is not None:
            if at.holder.agent_id == agent.agent_id:
                return True
            at = at.follower
        return False


class AgentPool:
    """The available agents during one pass: what each can still take, and who is the best for an item."""

    def __init__(self, agents: Iterable[Candidate]) -> None:
        self._agents = {agent.agent_id: agent for agent in agents}
        self._free = {agent.agent_id: agent.free for agent in self._agents.values()}
        self._offers = {agent.agent_id: agent.offers for agent in self._agents.values()}
        self._load = {agent.agent_id: agent.load for agent in self._agents.values()}
        self._zero_unit = {agent.agent_id: agent.zero_unit for agent in self._agents.values()}
        self._profiles_free = {
            agent.agent_id: {profile: load.most - load.used for profile, load in agent.profile_loads.items()}
            for agent in self._agents.values()
        }
        self._in_queue: dict[str, set[str]] = {}
        for agent in self._agents.values():
            for queue in agent.queues:
                self._in_queue.setdefault(queue, set()).add(agent.agent_id)
        self._skilled: dict[str, dict[str, int]] = {}
        for agent in self._agents.values():
            for skill, level in agent.skills.items():
                self._skilled.setdefault(skill, {})[agent.agent_id] = level
        self._suited: dict[_Asked, dict[str, Candidate]] = {}
        self._ranked: dict[_Line, list[_Rank]] = {}
        self._given: dict[str, dict[UUID, Waiting]] = {}
        self._any_free = True
        self._exhausted: set[tuple[str, _Kind]] = set()

    def capacity_for(
        self, queues: Collection[str], needs: Mapping[str, int], profiles: Sequence[str] = (), *, zero_unit: bool = False
    ) -> int:  # fmt: skip
        """Returns how many units (`zero_unit`: how many items) of such work the able agents can still take."""
        capacity = 0
        for agent_id in self._able(frozenset(queues), needs):
            profile_loads = self._profiles_free[agent_id]
            left = [
                self._offers[agent_id],
                *(profile_loads[profile] for profile in profiles if profile in profile_loads),
            ]
            capacity += max(0, min(left if zero_unit else (self._free[agent_id], *left)))
        return capacity

    def can(self, queues: Collection[str], needs: Mapping[str, int]) -> bool:
        """Whether any agent can do such work, with or without free capacity."""
        return bool(self._able(frozenset(queues), needs))

    def best(self, item: Waiting, now: datetime, again_after: timedelta) -> Candidate | None:
        """Returns who gets the item; None when nobody can take it now, or when it is held for its preferred agent.

        An agent who refused it is not chosen while another agent is able to do it. When all able agents refused it, one is
        chosen again `again_after` their refusal.
        """
        if _waits_for_one(item, now):
            return None
        suited = self._able(item.queues, item.needs)
        last = self._last(item)
        if last is not None and self.fits(item, last):
            return last
        if self._held(item, now):
            return None
        if not item.refused:
            return self._first(item, suited)
        if suited.keys() <= item.refused.keys():
            again = [
                (a.agent_id != item.preferred, self._rank(item, a))
                for a in suited.values()
                if self.fits(item, a) and now - item.refused[a.agent_id] >= again_after
            ]
            return min(again)[1][-1] if again else None
        # It waits for an able agent who did not refuse it, even if all of those are busy.
        return self._first(item, suited)

    def fits(self, item: Waiting, agent: Candidate) -> bool:
        """Whether an agent who has the skills has capacity for the item, and may get one more offer."""
        units = units_taken(item, agent)
        return (
            (not units or self._free[agent.agent_id] >= units)
            and self._offers[agent.agent_id] > 0
            and (not item.profiles or self._fits_profiles(item.profiles, agent.agent_id))
        )

    def give(self, item: Waiting, agent: Candidate) -> None:
        """Gives the agent the item and counts it against what they can take."""
        self._hand(item, agent, 1)
        self._given.setdefault(agent.agent_id, {})[item.work_item_id] = item

    def hand_on(self, item: Waiting, now: datetime) -> list[tuple[Waiting, Candidate]]:
        """Finds an agent for an item that no free agent can take, by moving items of this pass; returns all moves, or none.

        No item moves away from its preferred agent, or to an agent of another team or with fewer of the preferred skills.
        """
        if self._held(item, now) or (item.units and not self._has_free_units()):
            return []
        reached: set[tuple[str, _Kind]] = set()
        seekers = deque([_Seeker(item, None)])
        while seekers:
            seeker = seekers.popleft()
            for agent in self._others(seeker, reached):
                reached.add((agent.agent_id, seeker.kind))
                if self.fits(seeker.item, agent):
                    return self._moved(agent, seeker)
                seekers.extend(self._movable(agent, seeker))
        # No path through these agents leads to a free one, so later items skip them.
        self._exhausted |= reached
        return []

    def _has_free_units(self) -> bool:
        """Whether any agent has free units. A pass never adds free units, so once no agent has any, none will."""
        if self._any_free:
            self._any_free = any(
                free > 0 and self._offers[agent_id] > 0 for agent_id, free in self._free.items()
            )
        return self._any_free

    def _last(self, item: Waiting) -> Candidate | None:
        """Returns the preferred agent, if they can do the work and did not refuse it."""
        if item.preferred is None or item.preferred in item.refused:
            return None
        return self._able(item.queues, item.needs).get(item.preferred)

    def _held(self, item: Waiting, now: datetime) -> bool:
        """Whether the item waits for its preferred agent."""
        return _waits_for_one(item, now) or (
            item.hold_until is not None and item.hold_until > now and self._last(item) is not None
        )

    def _others(self, seeker: _Seeker, reached: Collection[tuple[str, _Kind]]) -> Iterator[Candidate]:
        """Yields the other agents who can do the work as well as its holder, and that no work of its kind has reached."""
        item, holder, _ = seeker
        kind, worst = seeker.kind, self._shortcomings(item, holder) if holder else None
        for agent_id, agent in self._able(item.queues, item.needs).items():
            here = agent_id, kind
            if here in reached or here in self._exhausted or agent_id in item.refused:
                continue
            if (worst is None or self._shortcomings(item, agent) <= worst) and not seeker.would_move(agent):
                yield agent

    def _movable(self, agent: Candidate, seeker: _Seeker) -> Iterator[_Seeker]:
        """Yields the agent's items of this pass each of which frees enough capacity for the item when it moves."""
        item, profile_loads = seeker.item, self._profiles_free[agent.agent_id]
        units = units_taken(item, agent)
        wanted = units - self._free[agent.agent_id] if units else 0
        short = [profile for profile in item.profiles if profile_loads.get(profile, 1) < 1]
        if any(profile_loads[profile] < 0 for profile in short):
            return
        for other in self._given.get(agent.agent_id, {}).values():
            if other.preferred != agent.agent_id and units_taken(other, agent) >= wanted:  # noqa: SIM102 - hot
                if not short or all(profile in other.profiles for profile in short):
                    yield _Seeker(other, agent, seeker)

    def _moved(self, agent: Candidate, seeker: _Seeker) -> list[tuple[Waiting, Candidate]]:
        moves: list[tuple[Waiting, Candidate]] = []
        taker: Candidate = agent
        at: _Seeker | None = seeker
        while at is not None:
            item, holder, at = at
            if holder is not None:
                self._hand(item, holder, -1)
                del self._given[holder.agent_id][item.work_item_id]
            self.give(item, taker)
            moves.append((item, taker))
            taker = holder or taker
        return moves

    def _hand(self, item: Waiting, agent: Candidate, sign: int) -> None:
        units = units_taken(item, agent) * sign
        self._free[agent.agent_id] -= units
        self._offers[agent.agent_id] -= sign
        self._load[agent.agent_id] += units
        if not units:
            self._zero_unit[agent.agent_id] += sign
        profile_loads = self._profiles_free[agent.agent_id]
        for profile in item.profiles:
            if profile in profile_loads:
                profile_loads[profile] -= sign

    def _able(self, queues: frozenset[str], needs: Mapping[str, int]) -> Mapping[str, Candidate]:
        """The members of the queues who have the skills, by id and in its order, with or without free capacity."""
        asked = queues, tuple(needs.items())
        if asked not in self._suited:
            members = [self._in_queue.get(queue, set()) for queue in queues]
            able = set().union(*members)
            for skill, least in needs.items():
                levels = self._skilled.get(skill, {})
                able = {agent_id for agent_id in able & levels.keys() if levels[agent_id] >= least}
            self._suited[asked] = {agent_id: self._agents[agent_id] for agent_id in sorted(able)}
        return self._suited[asked]

    def _fits_profiles(self, profiles: Iterable[str], agent_id: str) -> bool:
        profile_loads = self._profiles_free[agent_id]
        return all(profile_loads.get(profile, 1) > 0 for profile in profiles)

    def _rank(self, item: Waiting, agent: Candidate) -> _Rank:
        level = 0
        for skill in item.needs:
            level += agent.skills.get(skill, 0)
        one = agent.agent_id
        own, rest = self._load[one], self._zero_unit[one]
        if not item.units:  # such work is spread by the number of such items first, then by units
            own, rest = rest, own
        return *self._shortcomings(item, agent), own, rest, -level, agent.idle_since, one, agent

    @staticmethod
    def _shortcomings(item: Waiting, agent: Candidate) -> tuple[bool, int]:
        """Whether the agent is of another team, and how many of the preferred skills they lack."""
        lacks = 0
        for skill, least in item.prefers.items():
            lacks += agent.skills.get(skill, 0) < least
        return item.queue not in agent.queues, lacks

    def _first(self, item: Waiting, suited: Mapping[str, Candidate]) -> Candidate | None:
        asked = (
            item.queue, (item.queues, tuple(item.needs.items())), tuple(item.prefers.items()), item.profiles, not item.units,
        )  # fmt: skip
        free, offers, profiles, zero_unit = self._free, self._offers, item.profiles, not item.units
        ranked = self._ranked.get(asked)
        if ranked is None:
            ranked = [self._rank(item, a) for a in suited.values() if zero_unit or free[a.agent_id] > 0]
            heapify(ranked)
            self._ranked[asked] = ranked
        own, rest = (self._zero_unit, self._load) if zero_unit else (self._load, self._zero_unit)
        passed: list[_Rank] = []
        found = None
        while ranked and found is None:
            rank = ranked[0]
            agent = rank[-1]
            one = agent.agent_id
            if (
                offers[one] <= 0
                or not (zero_unit or free[one] > 0)
                or (profiles and not self._fits_profiles(profiles, one))
            ):
                heappop(ranked)
            elif rank[2] != own[one] or rank[3] != rest[one]:  # they got work since they were ranked
                heapreplace(ranked, (*rank[:2], own[one], rest[one], *rank[4:]))
            elif one in item.refused or not self.fits(item, agent):
                passed.append(heappop(ranked))
            else:
                found = agent
        for rank in passed:
            heappush(ranked, rank)
        return found


def _waits_for_one(item: Waiting, now: datetime) -> bool:
    """Whether a person handed the item to an agent, for whom alone it waits: no match finds an agent for it."""
    return item.handed_to is not None and item.hold_until is not None and item.hold_until > now


def match(
    items: Sequence[Waiting], pool: AgentPool, now: datetime, again_after: timedelta
) -> list[tuple[UUID, str]]:
    """Returns pairs of work item and agent, the most urgent item first, each with its best agent.

    No agent gets more than they have free.
    """
    pairs: dict[UUID, str] = {}
    for item in sorted(items, key=urgency):
        agent = pool.best(item, now, again_after)
        if agent is not None:
            pool.give(item, agent)
            pairs[item.work_item_id] = agent.agent_id
        else:
            # Before less urgent items are matched: one of them could take the only capacity that this frees.
            for moved, agent in pool.hand_on(item, now):
                pairs[moved.work_item_id] = agent.agent_id
    return list(pairs.items())
