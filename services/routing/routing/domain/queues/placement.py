"""Which queue takes work: the one that the rules say, or where it flows over to. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from routing.domain.configuration.document import Configuration
from routing.domain.configuration.overflow import NEVER, Limit
from routing.domain.configuration.section import shown
from routing.domain.queues.opening import Opening


class Load(NamedTuple):
    """How many wait in a queue, and how many it completes a minute."""

    waiting: int
    per_minute: float

    @property
    def wait(self) -> timedelta | None:
        """How long who comes now may expect to wait (Little's law); None when nothing is being completed."""
        return timedelta(minutes=self.waiting / self.per_minute) if self.per_minute else None


NOBODY = Load(0, 0.0)


class Place(NamedTuple):
    """The queue that takes the work, and why each that was asked before it does not."""

    queue: str
    why: list[str]


def place(
    configuration: Configuration,
    openings: Mapping[str, Opening],
    loads: Mapping[str, Load],
    queue: str,
    override: str | None,
) -> Place:
    """The first queue on the way of overflow that is open and not full.

    When there is none: the first that is open, though full; when all are closed the first to open, or the one it was meant for.
    `override` is what the rule says of overflow: `never`, or a queue to which it goes instead.
    """
    asked: list[str] = []
    why: list[str] = []
    at: str | None = queue
    while at is not None and at in configuration.queues and at not in asked:
        asked.append(at)
        stands, target = openings[at], configuration.queues[at]
        full = _full(target.name, target.limit, loads.get(at, NOBODY))
        if (stands.takes and full is None) or override == NEVER:
            return Place(at, why)
        why.append(full if stands.takes and full else stands.why or "")
        following = target.limit.overflow if stands.takes and target.limit else target.outside_hours.overflow
        at = override if override is not None and len(asked) == 1 else following
    taking = next((one for one in asked if openings[one].takes), None)
    opening = [(opens, place) for place, one in enumerate(asked) if (opens := openings[one].opens_at)]
    chosen = taking or (asked[min(opening)[1]] if opening else queue)
    return Place(chosen, why if chosen != queue else [])


def _full(name: str, limit: Limit | None, load: Load) -> str | None:
    if limit is None:
        return None
    if limit.waiting is not None and load.waiting >= limit.waiting:
        return f"{name} is full: {load.waiting} wait"
    if limit.wait is not None and load.wait is not None and load.wait > limit.wait:
        minutes = timedelta(minutes=round(load.wait.total_seconds() / 60))
        return f"{name} is full: a wait of {shown(minutes)} is to be expected"
    return None
