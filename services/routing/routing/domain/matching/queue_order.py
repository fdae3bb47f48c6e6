"""The order of waiting work: each item has a moment, the earliest is first, and it does not move while the item waits.

The moment is when the item is due, at the latest `longest_wait` after the customer began to wait, less a `head_start` for
each point of priority. So what is due soonest goes first, priority counts like so much time waited, and work that came
later than `overtaken_for` after an item is behind it whatever its priority and due time: nothing starves.
"""

from datetime import datetime, timedelta

MOST_URGENT = 100
LONGEST_WAIT = timedelta(days=1)
HEAD_START = timedelta(minutes=1)


def order_at(
    queued_at: datetime,
    due_at: datetime | None,
    priority: int,
    longest_wait: timedelta,
    head_start: timedelta,
) -> datetime:
    """The moment that an item is ordered by; what was due before it was queued counts as due when it was queued."""
    latest = queued_at + longest_wait
    due = latest if due_at is None else max(queued_at, min(due_at, latest))
    return due - priority * head_start


def overtaken_for(longest_wait: timedelta, head_start: timedelta) -> timedelta:
    """How long after an item was queued others can still come that go before it, priorities being 0 to 100.

    While the agents who can take an item take as much as comes for them, it is offered at the latest this long after it was
    queued and they have worked off what waits for them then.
    """
    return longest_wait + MOST_URGENT * head_start
