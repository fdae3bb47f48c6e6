"""Surges: when far more work arrives than usual. Pure; it reads only counts.

The statistic compares the arrivals of the last ten minutes with those of the same ten minutes on each of the fourteen days
before, and with the five spans of ten minutes before. The expected number is the higher of the two means, each plus one
standard error, because few counts are uncertain. Counts are taken as negative binomial with twice the variance of a Poisson
distribution, or more when the days varied more. A surge begins when at least ten arrive and the chance of so many is at
most 1 in 100,000; it ends when that chance is at least 1 in 100.
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
"""Variance over mean: customers arrive in groups, for example in answer to one letter."""


class SpanKind(StrEnum):
    """The span that just ended, the same span on the days before, and the spans just before it."""

    NOW = "now"
    DAY = "day"
    BEFORE = "before"


class Span(NamedTuple):
    """A time span in which arrivals are counted."""

    kind: SpanKind
    since: datetime
    until: datetime


class Arrivals(NamedTuple):
    """The arrivals of one queue or label in the span that just ended, and in the spans that it is compared with."""

    now: int
    days: Sequence[int]
    before: Sequence[int]


class Usual(NamedTuple):
    """The expected number of arrivals, and the chance of so many or more."""

    expected: float
    chance: float

    @property
    def begins(self) -> bool:
        """Whether a surge begins."""
        return self.chance <= BEGINS

    @property
    def ends(self) -> bool:
        """Whether a surge ends."""
        return self.chance >= ENDS


def spans(now: datetime, counted_since: datetime) -> list[Span]:
    """Returns the spans to count at `now`, back to `counted_since`; none in the first hour, when there is nothing to compare with."""
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
    """Returns what was expected instead of these arrivals, and how likely they are."""
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
    """The chance of `count` or more in a negative binomial distribution with this mean and variance over mean."""
    size = mean / (dispersion - 1)
    stays = 1 / dispersion
    log_chance = size * math.log(stays)
    below = 0.0
    for n in range(count):
        below += math.exp(log_chance)
        log_chance += math.log((n + size) / (n + 1) * (1 - stays))
    return max(0.0, 1.0 - below)
