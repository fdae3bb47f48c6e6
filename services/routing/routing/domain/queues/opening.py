"""Whether a queue offers work and takes new work, and when it opens again. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from antiphon.contracts.queues import QueueState
from routing.domain.configuration.document import Configuration
from routing.domain.time.business_calendar import BusinessCalendar


class SetState(NamedTuple):
    """The state that a person set a queue to, with who, since when and why."""

    state: str
    since: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, state: str, since: datetime, by: Mapping[str, str | None], reason: str) -> "SetState":
        """Returns the state of a row of the table; `by` is an actor as JSON."""
        return cls(state, since, by.get("name") or by["id"] or "", reason)


class Opening(NamedTuple):
    """Whether a queue is `open` to offer work and `takes` new work, and if not, why.

    `opens_at` is when its hours begin again; None when it is not its hours that keep it closed.
    """

    open: bool
    takes: bool
    why: str | None = None
    opens_at: datetime | None = None


OPEN = Opening(open=True, takes=True)


def opening_of(
    key: str,
    configuration: Configuration,
    calendars: Mapping[str, BusinessCalendar],
    set_to: SetState | None,
    now: datetime,
) -> Opening:
    """Returns the opening of a queue: the state that a person set comes first, then its hours."""
    queue = configuration.queues[key]
    if set_to is not None and set_to.state != QueueState.OPEN:
        why = f"{queue.name} is {set_to.state} by {set_to.by} since {set_to.since:%H:%M:%S}: {set_to.reason}"
        return Opening(open=False, takes=set_to.state == QueueState.PAUSED, why=why)
    if queue.hours is None or calendars[queue.hours].is_open(now):
        return OPEN
    opens_at = calendars[queue.hours].next_change(now)
    until = ""
    if opens_at is not None:
        zone = ZoneInfo(configuration.calendars[queue.hours].time_zone)
        until = f" until {opens_at.astimezone(zone):%A %d %B %H:%M} ({zone.key})"
    return Opening(
        open=False, takes=False, why=f"{queue.name} is outside its hours{until}", opens_at=opens_at
    )
