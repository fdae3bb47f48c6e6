"""What becomes of a reply after an attempt to send it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Ended(StrEnum):
    """How one attempt ended. `unknown`: the connection was lost after the mail was handed over."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where a reply stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Verdict(NamedTuple):
    """Where the reply stands now, and when it is tried again if it waits."""

    state: State
    next_attempt_at: datetime
    gave_up: bool


def judge(
    ended: Ended,
    *,
    attempts: int,
    requested_at: datetime,
    now: datetime,
    first_after: timedelta,
    at_most_every: timedelta,
    give_up_after: timedelta,
) -> Verdict:
    """After attempt number `attempts` (from 1). The pause doubles.

    An unknown outcome is tried again like any other: the other side knows the Message-ID.
    """
    if ended is Ended.ACCEPTED:
        return Verdict(State.SENT, now, gave_up=False)
    if ended is Ended.REFUSED:
        return Verdict(State.FAILED, now, gave_up=False)
    if now - requested_at >= give_up_after:
        return Verdict(State.FAILED, now, gave_up=True)
    pause = min(first_after * 2 ** min(attempts - 1, 20), at_most_every)
    return Verdict(State.WAITING, min(now + pause, requested_at + give_up_after), gave_up=False)
