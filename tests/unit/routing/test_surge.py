"""A surge begins within minutes of a flood; a usual morning begins none."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.queues.surge import AT_LEAST, DAYS, SPAN, SPANS_BEFORE, Arrivals, spans, usual

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
COUNTS = st.lists(st.integers(0, 60), min_size=DAYS, max_size=DAYS)


def a_council(minute: int) -> float:
    """Arrivals a minute on a working day: none at night, most at half past nine."""
    hour = minute % 1440 / 60
    return 0.02 + 1.2 * math.exp(-((hour - 9.5) ** 2) / 3) + 0.5 * math.exp(-((hour - 15) ** 2) / 6)


def days_of(chance: random.Random, days: int, rate: Callable[[int], float]) -> list[int]:
    """Arrivals by minute, in groups of one to three."""
    found: list[int] = []
    for minute in range(days * 1440):
        clumps, limit, product = 0, math.exp(-rate(minute) / 1.5), chance.random()
        while product > limit:
            clumps += 1
            product *= chance.random()
        found.append(sum(chance.choice((1, 1, 1, 2, 3)) for _ in range(clumps)))
    return found


def alarms(minutes: list[int], first: int, last: int) -> list[int]:
    """The minutes at which a surge would begin, checked every minute from `first` to `last`."""
    found: list[int] = []
    total = [0]
    for count in minutes:
        total.append(total[-1] + count)

    def counted(since: datetime, until: datetime) -> int:
        a, b = (int((moment - MONDAY) / timedelta(minutes=1)) for moment in (since, until))
        return total[b] - total[a]

    surging = False
    for minute in range(first, last):
        asked = spans(MONDAY + timedelta(minutes=minute), MONDAY)
        by_kind = {
            kind: [counted(span.since, span.until) for span in asked if span.kind == kind]
            for kind in ("now", "day", "before")
        }
        judged = usual(Arrivals(by_kind["now"][0], by_kind["day"], by_kind["before"]))
        if judged.begins and not surging:
            found.append(minute)
        surging = (surging or judged.begins) and not judged.ends
    return found


def test_a_usual_week_has_at_most_one_false_surge() -> None:
    chance = random.Random(1)  # noqa: S311 - not for secrets
    minutes = days_of(chance, 17, a_council)
    assert len(alarms(minutes, 10 * 1440, 17 * 1440)) <= 1


def test_a_flood_begins_one_surge_within_ten_minutes() -> None:
    chance = random.Random(3)  # noqa: S311 - not for secrets
    flood = 20 * 1440 + 11 * 60
    minutes = days_of(chance, 21, lambda at: a_council(at) + (8 if flood <= at < flood + 60 else 0))
    found = alarms(minutes, 19 * 1440, 21 * 1440)
    assert len(found) == 1
    assert flood < found[0] <= flood + 10


@given(
    now=st.integers(AT_LEAST, 200),
    days=COUNTS,
    before=st.lists(st.integers(0, 60), min_size=SPANS_BEFORE, max_size=SPANS_BEFORE),
)
def test_more_arrivals_are_never_less_unusual(now: int, days: list[int], before: list[int]) -> None:
    assert usual(Arrivals(now + 1, days, before)).chance <= usual(Arrivals(now, days, before)).chance


def test_fewer_than_ten_arrivals_and_the_first_hour_begin_no_surge() -> None:
    assert not usual(Arrivals(AT_LEAST - 1, [0] * DAYS, [0] * SPANS_BEFORE)).begins
    assert usual(Arrivals(100, [0] * DAYS, [0] * SPANS_BEFORE)).begins
    assert spans(MONDAY + timedelta(minutes=59), MONDAY) == []
    assert len(spans(MONDAY + timedelta(minutes=60), MONDAY)) == 1 + SPANS_BEFORE
    whole = spans(MONDAY + timedelta(days=DAYS, minutes=10), MONDAY)
    assert len(whole) == 1 + SPANS_BEFORE + DAYS
    assert all(span.until - span.since == SPAN for span in whole)
