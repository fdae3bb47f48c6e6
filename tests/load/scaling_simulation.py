"""Simulates queueing by partition: a replica handles all waiting events as one batch, so batches grow with the load.

A stage is a relay, or a consumer whose replicas share the partitions of its topic. A batch has at most `most` events of a
replica's partitions and takes `fixed` seconds and `each` per event. The simulation ignores that stages on one machine share cores.
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
    """One step of the way. `by_case`: the key of its topic is the case, not the customer."""

    fixed: float
    each: float
    partitions: int = 6
    replicas: int = 1
    most: int = MOST
    by_case: bool = False


class Outcome(NamedTuple):
    """The result of a run: `sojourns` are seconds from arrival to the end of the last stage, by interaction.

    `busy` is the share of time for which the replicas of each stage are busy, `batch` the mean batch of each stage.
    """

    sojourns: list[float]
    mean_in_system: float
    span: float
    busy: list[float]
    batch: list[float]

    def percentile(self, percent: float) -> float:
        """The seconds within which `percent` of the interactions passed all stages."""
        ordered = sorted(self.sojourns)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def zipf(customers: int, exponent: float) -> list[float]:
    """The share of each customer in all messages, largest first."""
    weights = [rank**-exponent for rank in range(1, customers + 1)]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def shares(of: Sequence[float], partitions: int, seed: int = 1) -> list[float]:
    """The share of each partition, when customers with the shares `of` are spread by a hash of their key."""
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret
    loads = [0.0] * partitions
    for share in of:
        loads[dice.getrandbits(32) % partitions] += share
    return loads


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
        # What ends, as (when, order, stage, replica, events); stage -1 is an arrival.
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
            self._move_to(stage + 1, events)
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

    def _move_to(self, stage: int, events: list[int]) -> None:
        if stage == len(self.stages):
            self.inside -= len(events)
            for event in events:
                self.ended[event] = self.now
            return
        receiving: set[int] = set()
        for event in events:
            partition = self._partition(stage, event)
            replica = partition % self.stages[stage].replicas
            self.replicas[stage][replica].waiting.append((event, partition))
            receiving.add(replica)
        for replica in sorted(receiving):
            self._take(stage, replica)

    def _partition(self, stage: int, event: int) -> int:
        key = self.keys[event]
        if self.stages[stage].by_case:
            key = key * 3 + event % 3  # a customer has a few cases
        return (key * 2654435761 >> 7) % self.stages[stage].partitions

    def _take(self, stage: int, replica: int) -> None:
        state, settings = self.replicas[stage][replica], self.stages[stage]
        if state.busy or not state.waiting:
            return
        batch = [state.waiting.popleft()[0] for _ in range(min(settings.most, len(state.waiting)))]
        duration = settings.fixed + settings.each * len(batch)
        state.busy = True
        self.busy[stage] += duration
        self.batches[stage] += 1
        self.taken[stage] += len(batch)
        self._plan(self.now + duration, stage, replica, batch)


def simulate(
    stages: Sequence[Stage],
    per_second: float,
    count: int,
    *,
    of: Sequence[float] | None = None,
    seed: int = 1,
    steady: bool = False,
) -> Outcome:
    """Simulates `count` interactions at `per_second`, of customers with the shares `of` (each of its own customer if None).

    Arrivals are a Poisson process, or evenly spaced when `steady`, as the bench sends.
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


def stages_of(
    fixed: float, each: Sequence[float], relay: float, *, partitions: int = 6, replicas: int = 1
) -> list[Stage]:
    """The stages from an entry point to an offer: a relay, then each consumer (`each` seconds per event) and its relay.

    Every stage takes `fixed` seconds a batch. The keys of the first two topics are customers, those of the others are cases.
    """
    stages = [Stage(fixed, relay, most=1000)]
    for place, seconds in enumerate(each):
        stages += [
            Stage(fixed, seconds, partitions, replicas, by_case=place >= 2),
            Stage(fixed, relay, most=1000),
        ]
    return stages


def fitted(stages: Callable[[float], Sequence[Stage]], median_s: float, per_second: float) -> float:
    """The `fixed` of the stages with which half of the interactions pass within `median_s`; by bisection."""
    low, high = 0.0, median_s
    for _ in range(14):
        middle = (low + high) / 2
        if simulate(stages(middle), per_second, 1500, steady=True).percentile(50) < median_s:
            low = middle
        else:
            high = middle
    return (low + high) / 2
