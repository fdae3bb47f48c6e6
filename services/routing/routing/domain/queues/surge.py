"""When arrivals are far above what is usual: pure, by counts alone.

The statistic: arrivals of the ten minutes past, against those of the same ten minutes on each of the fourteen days before
and of the five spans of ten minutes before. What is expected is the higher of both means, each a standard error up, since
few counts say little; counts vary as a negative binomial with twice the variance of a Poisson, or more when the days did.
A surge begins when so many would come by chance once in a hundred thousand looks, and at least ten; it ends when they
would come once in a hundred.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

SPAN = timedelta(minutes=10)
DAYS = 14
SPANS_BEFORE = 5
AT_LEAST = 10
BEGINS, ENDS = 1e-5, 1e-2
LEAST_DISPERSION = 2.0
"""Variance over mean: customers come in families, buses and answers to one letter."""


class SpanKind(StrEnum):
    """The span that just ended, the same of days before, and those just before it."""

    NOW = "now"
    DAY = "day"
    BEFORE = "before"


class Span(NamedTuple):
    """From when to when arrivals are counted."""

    kind: SpanKind
    since: datetime
    until: datetime


class Arrivals(NamedTuple):
    """Of one queue: how many came in the span that just ended, and in those that it is compared with."""

    now: int
    days: Sequence[int]
    before: Sequence[int]


class Usual(NamedTuple):
    """What was expected, and how likely so many are by chance."""

    expected: float
    chance: float

    @property
    def begins(self) -> bool:
        """Whether it is far more than usual."""
        return self.chance <= BEGINS

    @property
    def ends(self) -> bool:
        """Whether it is as usual again."""
        return self.chance >= ENDS


def spans(now: datetime, counted_since: datetime) -> list[Span]:
    """What to count at `now`, as far back as is known; none before an hour is known, since nothing is usual yet."""
    until = now.replace(second=0, microsecond=0)
    earliest = until - SPAN * (SPANS_BEFORE + 1)
    if counted_since > earliest:
        return []
    found = [Span(SpanKind.NOW, until - SPAN, until)]
    found += [
        Span(SpanKind.BEFORE, until - SPAN * (n + 1), until - SPAN * n) for n in range(1, SPANS_BEFORE + 1)
    ]
    for n in range(1, DAYS + 1):
        ended = until - timedelta(days=n)
        if ended - SPAN >= counted_since:
            found.append(Span(SpanKind.DAY, ended - SPAN, ended))
    return found


def usual(arrivals: Arrivals) -> Usual:
    """How unusual the arrivals of a queue are."""
    expected = max(_expected(arrivals.days), _expected(arrivals.before))
    if arrivals.now < AT_LEAST:
        return Usual(expected, 1.0)
    return Usual(expected, _tail(arrivals.now, expected, _dispersion(arrivals.days)))


def _expected(counts: Sequence[int]) -> float:
    total = sum(counts)
    return (total + math.sqrt(total + 1)) / len(counts) if counts else 0.0


def _dispersion(counts: Sequence[int]) -> float:
    if len(counts) < DAYS // 2 or not sum(counts):
        return LEAST_DISPERSION
    mean = sum(counts) / len(counts)
    return max(LEAST_DISPERSION, sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean)


def _tail(count: int, mean: float, dispersion: float) -> float:
    """The chance of `count` or more of a negative binomial with this mean and variance over mean."""
    size = mean / (dispersion - 1)
    stays = 1 / dispersion
    log_chance = size * math.log(stays)
    below = 0.0
    for n in range(count):
        below += math.exp(log_chance)
        log_chance += math.log((n + size) / (n + 1) * (1 - stays))
    return max(0.0, 1.0 - below)
