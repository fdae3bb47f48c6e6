"""The order of waiting work: each item has a moment, and the item with the earliest moment is first.

The moment is the due time, at the latest `longest_wait` after the item was queued, less a `head_start` for each point of
priority. So the item that is due soonest goes first, and a point of priority counts like that much time waited. Work that
comes later than `overtaken_for` after an item goes behind it, whatever its priority and due time: no item starves.
"""

from datetime import datetime, timedelta

MOST_URGENT = 100


def order_at(
    queued_at: datetime,
    due_at: datetime | None,
    priority: int,
    longest_wait: timedelta,
    head_start: timedelta,
) -> datetime:
    """Returns the moment that orders an item. A due time before `queued_at` counts as `queued_at`."""
    latest = queued_at + longest_wait
    due = latest if due_at is None else max(queued_at, min(due_at, latest))
    return due - priority * head_start


def overtaken_for(longest_wait: timedelta, head_start: timedelta) -> timedelta:
    """Returns how long after an item was queued later items can still go before it, with priorities from 0 to 100.

    While the able agents complete as much as arrives for them, the item is offered at the latest this long after it was
    queued, plus the time they need for the work that waits for them at that moment.
    """
    return longest_wait + MOST_URGENT * head_start
