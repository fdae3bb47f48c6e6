"""The order of waiting work: by due time, with priority as waiting time; no item starves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.matching.queue_order import MOST_URGENT, order_at, overtaken_for

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAITS = st.builds(timedelta, minutes=st.integers(0, 20))
STARTS = st.builds(timedelta, seconds=st.integers(0, 6))
# Priority, and minutes until it is due.
Work = tuple[int, int | None]
WORK = st.tuples(st.integers(0, MOST_URGENT), st.none() | st.integers(-30, 300))
Order = Callable[[int, Work], object]


def _due(queued: datetime, due: int | None) -> datetime | None:
    return None if due is None else queued + due * MINUTE


@given(WORK, WORK, WAITS, STARTS)
def test_an_item_queued_after_the_bound_sorts_behind_at_any_priority_and_due_time(
    early: Work, late: Work, longest: timedelta, start: timedelta
) -> None:
    after = NOW + overtaken_for(longest, start)
    first = order_at(NOW, _due(NOW, early[1]), early[0], longest, start)
    second = order_at(after, _due(after, late[1]), late[0], longest, start)
    assert first <= second


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


def _waits(arrivals: list[list[Work]], order: Order, agents: int) -> list[int]:
    """Minutes that each item waits while `agents` take one a minute, the first in this order."""
    waiting: list[tuple[object, int]] = []
    waits: list[int] = []
    minute = 0
    while waiting or minute < len(arrivals):
        waiting += [(order(minute, one), minute) for one in (arrivals[minute : minute + 1] or [[]])[0]]
        waiting.sort(key=lambda one: one[0])  # pyright: ignore[reportCallIssue, reportArgumentType] - keys compare
        waits += [minute - came for _, came in waiting[:agents]]
        waiting = waiting[agents:]
        minute += 1
    return waits


def _bound(longest: timedelta, start: timedelta, burst: int, agents: int) -> int:
    """The bound in minutes: until later items sort behind, plus until the items before it are done."""
    return -(-overtaken_for(longest, start) // MINUTE) + -(-burst // agents) + 1


@settings(max_examples=200)
@given(st.data(), WAITS, STARTS, st.integers(1, 3))
def test_08_the_longest_wait_is_bounded_while_agents_keep_up_with_arrivals(
    data: st.DataObject, longest: timedelta, start: timedelta, agents: int
) -> None:
    burst = data.draw(st.lists(WORK, max_size=20))
    later = data.draw(st.lists(st.lists(WORK, max_size=agents), max_size=60))

    def order(minute: int, work: Work) -> object:
        queued = NOW + minute * MINUTE
        return order_at(queued, _due(queued, work[1]), work[0], longest, start), queued

    waits = _waits([burst, *later], order, agents)
    assert max(waits, default=0) <= _bound(longest, start, len(burst), agents)


def test_08_an_order_by_priority_alone_lets_an_item_starve() -> None:
    arrivals: list[list[Work]] = [[(10, None), (90, None)], *[[(90, None)] for _ in range(300)]]
    longest, start = timedelta(minutes=20), timedelta(seconds=6)

    def aged(minute: int, work: Work) -> object:
        queued = NOW + minute * MINUTE
        return order_at(queued, None, work[0], longest, start), queued

    assert max(_waits(arrivals, lambda minute, work: (-work[0], minute), 1)) == 301
    assert max(_waits(arrivals, aged, 1)) <= _bound(longest, start, 2, 1) == 33
