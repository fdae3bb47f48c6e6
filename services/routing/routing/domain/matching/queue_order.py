"""The order of waiting work.

First goes what has waited its `longest_wait`: it is overdue. What is overdue for longer is first, so among work of one queue
the oldest is. Behind it goes everything else. There each item has a moment, and the item with the earliest moment is
first. The moment is the due time, at the latest `longest_wait` after the item was queued, less a `head_start` for each point
of priority. So the item that is due soonest goes first, and a point of priority counts like that much time waited.

Once an item is overdue, nothing that comes to its queue later goes before it, whatever its priority and due time.
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
    """Returns the moment that orders an item that is not overdue. A due time before `queued_at` counts as `queued_at`."""
    latest = overdue_at(queued_at, longest_wait)
    due = latest if due_at is None else max(queued_at, min(due_at, latest))
    return due - priority * head_start


def overdue_at(queued_at: datetime, longest_wait: timedelta) -> datetime:
    """Returns when an item has waited its `longest_wait`, and goes before all that have not."""
    return queued_at + longest_wait
