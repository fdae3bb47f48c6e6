"""Pure: what becomes of a reply after an attempt to send it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from antiphon.contracts.replies import FailureOutcome


class Ended(StrEnum):
    """How one attempt ended. `unknown`: the other side may have taken the reply."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"
    UNKNOWN = "unknown"


class State(StrEnum):
    """The state of a reply."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """How an attempt ended and what the other side said: its ids of what it took, or a reason and how long it asks to wait."""

    ended: Ended
    detail: str | None = None
    native_ids: Sequence[str] = ()
    link: str | None = None
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class Schedule:
    """When a reply is attempted again: the pause doubles from `first_after`; how long after its request it is given up."""

    first_after: timedelta
    at_most_every: timedelta
    give_up_after: timedelta

    def pause(self, attempts: int) -> timedelta:
        """How long after attempt number `attempts` (from 1) the next one is made."""
        return min(self.first_after * 2 ** min(attempts - 1, 20), self.at_most_every)


@dataclass(frozen=True)
class Verdict:
    """The state of the reply after an attempt: when the next attempt is due if it waits, what is known if it failed."""

    state: State
    next_attempt_at: datetime | None = None
    failure: FailureOutcome | None = None


def judge(
    result: Result,
    *,
    attempts: int,
    requested_at: datetime,
    now: datetime,
    schedule: Schedule,
    recognises_repeats: bool,
) -> Verdict:
    """After attempt number `attempts` (from 1).

    An unknown outcome is attempted again where the other side recognises the repeat; elsewhere a person decides. The last
    attempt is made when the time is over, never sooner than the other side asks.
    """
    if result.ended is Ended.ACCEPTED:
        return Verdict(State.SENT)
    if result.ended is Ended.REFUSED:
        return Verdict(State.FAILED, failure=FailureOutcome.REFUSED)
    if result.ended is Ended.UNKNOWN and not recognises_repeats:
        return Verdict(State.FAILED, failure=FailureOutcome.UNKNOWN)
    given_up_at = requested_at + schedule.give_up_after
    if now >= given_up_at:
        return Verdict(State.FAILED, failure=FailureOutcome.GAVE_UP)
    next_attempt_at = min(now + schedule.pause(attempts), given_up_at)
    return Verdict(State.WAITING, max(next_attempt_at, now + result.wait))
