"""Queueing by partition, simulated: what waits is taken as one batch, so batches grow with the load.

A stage is a service: a relay or a consumer whose replicas share the partitions of its topic. A replica takes what waits
in its partitions, `most` at once; that takes `fixed` seconds and `each` per event. Nothing here knows that the stages
of one machine share its cores.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

MOST = 500


class Stage(NamedTuple):
    """One step on the way. `by_case`: its topic's key is the case, not the customer."""

    fixed: float
    each: float
    partitions: int = 6
    replicas: int = 1
    most: int = MOST
    by_case: bool = False


class Outcome(NamedTuple):
    """What a run showed: seconds from arrival to the end of the last stage, by interaction; and of each stage."""

    sojourns: list[float]
    mean_in_system: float
    span: float
    busy: list[float]
    batch: list[float]

    def percentile(self, percent: float) -> float:
        """Seconds within which `percent` of the interactions were through."""
        ordered = sorted(self.sojourns)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def zipf(customers: int, exponent: float) -> list[float]:
    """Each customer's share of what is said, largest first."""
    weights = [rank**-exponent for rank in range(1, customers + 1)]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def shares(of: Sequence[float], partitions: int, seed: int = 1) -> list[float]:
    """Each partition's share of the load when customers with the shares `of` are spread by a hash of their key."""
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret
    found = [0.0] * partitions
    for share in of:
        found[dice.getrandbits(32) % partitions] += share
    return found


@dataclass
class _Replica:
    waiting: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    busy: bool = False


class _Run:
    def __init__(self, stages: Sequence[Stage], arrivals: Sequence[float], keys: Sequence[int]) -> None:
        self.stages = stages
        self.arrivals = arrivals
        self.keys = keys
        self.replicas = [[_Replica() for _ in range(stage.replicas)] for stage in stages]
        self.busy = [0.0] * len(stages)
        self.batches = [0] * len(stages)
        self.taken = [0] * len(stages)
        self.ended = [0.0] * len(arrivals)
        self.inside = 0
        self.area = 0.0
        self.now = 0.0
        self._order = 0
        # (when, order, stage, replica, events): what ends; stage -1 is an arrival.
        self.agenda: list[tuple[float, int, int, int, list[int]]] = []

    def go(self) -> Outcome:
        for number, at in enumerate(self.arrivals):
            self._plan(at, -1, 0, [number])
        while self.agenda:
            at, _, stage, replica, events = heapq.heappop(self.agenda)
            self.area += self.inside * (at - self.now)
            self.now = at
            if stage < 0:
                self.inside += 1
            else:
                self.replicas[stage][replica].busy = False
                self._take(stage, replica)
            self._hand_on(stage + 1, events)
        span = self.now - self.arrivals[0]
        return Outcome(
            [end - begin for begin, end in zip(self.arrivals, self.ended, strict=True)],
            self.area / span,
            span,
            [busy / span / stage.replicas for busy, stage in zip(self.busy, self.stages, strict=True)],
            [taken / max(1, made) for taken, made in zip(self.taken, self.batches, strict=True)],
        )

    def _plan(self, at: float, stage: int, replica: int, events: list[int]) -> None:
        self._order += 1
        heapq.heappush(self.agenda, (at, self._order, stage, replica, events))

    def _hand_on(self, stage: int, events: list[int]) -> None:
        if stage == len(self.stages):
            self.inside -= len(events)
            for event in events:
                self.ended[event] = self.now
            return
        told: set[int] = set()
        for event in events:
            partition = self._partition(stage, event)
            replica = partition % self.stages[stage].replicas
            self.replicas[stage][replica].waiting.append((event, partition))
            told.add(replica)
        for replica in sorted(told):
            self._take(stage, replica)

    def _partition(self, stage: int, event: int) -> int:
        key = self.keys[event]
        if self.stages[stage].by_case:
            key = key * 3 + event % 3  # a customer has a few cases
        return (key * 2654435761 >> 7) % self.stages[stage].partitions

    def _take(self, stage: int, replica: int) -> None:
        one, how = self.replicas[stage][replica], self.stages[stage]
        if one.busy or not one.waiting:
            return
        batch = [one.waiting.popleft()[0] for _ in range(min(how.most, len(one.waiting)))]
        lasts = how.fixed + how.each * len(batch)
        one.busy = True
        self.busy[stage] += lasts
        self.batches[stage] += 1
        self.taken[stage] += len(batch)
        self._plan(self.now + lasts, stage, replica, batch)


def simulate(
    stages: Sequence[Stage],
    per_second: float,
    count: int,
    *,
    of: Sequence[float] | None = None,
    seed: int = 1,
    steady: bool = False,
) -> Outcome:
    """`count` interactions at `per_second` through the stages, by customers with the shares `of` (all alike if None).

    Arrivals are a Poisson process, or one at a time in equal steps when `steady`, as the bench speaks.
    """
    dice = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    at, arrivals = 0.0, list[float]()
    for _ in range(count):
        at += 1 / per_second if steady else dice.expovariate(per_second)
        arrivals.append(at)
    if of is None:
        keys = [dice.getrandbits(30) for _ in range(count)]
    else:
        names = [dice.getrandbits(30) for _ in of]
        keys = dice.choices(names, cum_weights=list(accumulate(of)), k=count)
    return _Run(stages, arrivals, keys).go()


def way(
    fixed: float, each: Sequence[float], relay: float, *, partitions: int = 6, replicas: int = 1
) -> list[Stage]:
    """The way from a door to an offer: a relay, then each consumer (`each` seconds per event) and its relay.

    Every step takes `fixed` seconds a batch. The first two topics have customers as keys, the others cases.
    """
    stages = [Stage(fixed, relay, most=1000)]
    for place, seconds in enumerate(each):
        stages += [
            Stage(fixed, seconds, partitions, replicas, by_case=place >= 2),
            Stage(fixed, relay, most=1000),
        ]
    return stages


def fitted(way_of: Callable[[float], Sequence[Stage]], half_s: float, per_second: float) -> float:
    """The `fixed` of `way_of` with which half of the interactions are through within `half_s`; by bisection."""
    low, high = 0.0, half_s
    for _ in range(14):
        middle = (low + high) / 2
        if simulate(way_of(middle), per_second, 1500, steady=True).percentile(50) < half_s:
            low = middle
        else:
            high = middle
    return (low + high) / 2
