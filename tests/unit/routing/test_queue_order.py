"""The order of waiting work: what waited its longest wait, then by due time with priority as waiting time; no item starves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.matching.eligibility import Urgency, Waiting, urgency
from routing.domain.matching.queue_order import MOST_URGENT, order_at, overdue_at

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAITS = st.builds(timedelta, minutes=st.integers(0, 20))
STARTS = st.builds(timedelta, seconds=st.integers(0, 6)) | st.just(timedelta(days=1))
# Priority, and minutes until it is due.
Work = tuple[int, int | None]
WORK = st.tuples(st.integers(0, MOST_URGENT), st.none() | st.integers(-30, 300))
# The sort key of work that was queued at the first minute, at the second one.
Order = Callable[[int, Work, int], Any]


def _due(queued: datetime, due: int | None) -> datetime | None:
    return None if due is None else queued + due * MINUTE


def by_queue(longest: timedelta, start: timedelta) -> Order:
    """The order of a queue with these settings."""

    def place(queued: int, work: Work, now: int) -> Urgency:
        at = NOW + queued * MINUTE
        late = overdue_at(at, longest)
        is_overdue = late <= NOW + now * MINUTE
        moment = late if is_overdue else order_at(at, _due(at, work[1]), work[0], longest, start)
        return urgency(Waiting(UUID(int=0), "rates", {}, moment, at, {}, is_overdue=is_overdue))

    return place


@given(WORK, WORK, WAITS, STARTS, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_what_waited_its_longest_wait_goes_before_all_that_did_not_the_oldest_first(
    one: Work, other: Work, longest: timedelta, start: timedelta, first: int, later: int, passed: int
) -> None:
    order, now = by_queue(longest, start), first + longest // MINUTE + passed
    assert order(first, one, now) <= order(first + later, other, now)
    if later:
        assert order(first, one, now) < order(first + later, other, now)


def test_with_equal_priority_the_due_time_orders_items_up_to_the_longest_wait() -> None:
    def place(queued: int, due: int | None) -> datetime:
        at = NOW + queued * MINUTE
        return order_at(at, _due(at, due), 50, timedelta(hours=4), MINUTE)

    assert place(0, 30) < place(0, 60) < place(0, 300) == place(0, None) < place(1, 600)


def test_a_point_of_priority_counts_like_one_head_start_of_waiting() -> None:
    def place(waited: int, priority: int) -> datetime:
        return order_at(NOW - waited * MINUTE, None, priority, timedelta(hours=4), MINUTE)

    assert place(10, 40) == place(0, 50)
    assert place(11, 40) < place(0, 50) < place(9, 40)


def _served(arrivals: list[list[Work]], order: Order, agents: int) -> list[tuple[int, int, list[int]]]:
    """Who is served while `agents` take one a minute, the first in this order: when they came, when that is, and who still waits."""
    waiting: list[tuple[int, Work]] = []
    served: list[tuple[int, int, list[int]]] = []
    minute = 0
    while waiting or minute < len(arrivals):
        waiting += [(minute, work) for work in (arrivals[minute : minute + 1] or [[]])[0]]
        ordered = [(order(came, work, minute), came, work) for came, work in waiting]
        ordered.sort(key=lambda one: one[0])
        waiting = [(came, work) for _, came, work in ordered[agents:]]
        served += [(came, minute, [other for other, _ in waiting]) for _, came, _ in ordered[:agents]]
        minute += 1
    return served


@settings(max_examples=200)
@given(st.lists(st.lists(WORK, max_size=4), max_size=40), WAITS, STARTS, st.integers(1, 3))
def test_08_nothing_goes_before_an_older_item_that_waited_its_longest_wait(
    arrivals: list[list[Work]], longest: timedelta, start: timedelta, agents: int
) -> None:
    # More may come than the agents can do: the promise does not depend on that.
    for came, minute, still_waiting in _served(arrivals, by_queue(longest, start), agents):
        overdue = [other for other in still_waiting if other + longest // MINUTE <= minute]
        assert all(came <= other for other in overdue)


def test_08_priority_0_beside_a_stream_of_95_is_next_once_its_longest_wait_is_over() -> None:
    # Two a minute of priority 95, which is worth 95 days of waiting; the agent can do one a minute.
    arrivals: list[list[Work]] = [[(0, None)], *[[(95, None), (95, -30)] for _ in range(300)]]
    aged = by_queue(timedelta(minutes=20), timedelta(days=1))
    arrivals[0].append((95, None))
    by_priority_alone = _served(arrivals, lambda came, work, _: (-work[0], came), 1)
    assert max(minute - came for came, minute, _ in by_priority_alone if came == 0) == 601
    assert [minute for came, minute, _ in _served(arrivals, aged, 1) if came == 0] == [0, 20]
