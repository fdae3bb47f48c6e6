"""Which queue takes work: the one that the rules name, or one on its overflow path. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from antiphon.organisation.overflow import NEVER, Limit
from antiphon.organisation.section import shown
from routing.domain.configuration.document import Configuration
from routing.domain.queues.opening import Opening


class Load(NamedTuple):
    """How many items wait in a queue, and how many it completes in a minute."""

    waiting: int
    per_minute: float

    @property
    def wait(self) -> timedelta | None:
        """The expected wait of an item that comes now (Little's law); None when the queue completes nothing."""
        return timedelta(minutes=self.waiting / self.per_minute) if self.per_minute else None


NOBODY = Load(0, 0.0)


class Place(NamedTuple):
    """The queue that takes the work, and why each queue before it on the overflow path does not."""

    queue: str
    why: list[str]


def place(
    configuration: Configuration,
    openings: Mapping[str, Opening],
    loads: Mapping[str, Load],
    queue: str,
    override: str | None,
) -> Place:
    """Returns the first queue on the overflow path that takes work and is not full.

    When there is none: the first that takes work although it is full; when all are closed, the first to open, else `queue`.
    `override` is the rule's own overflow: `never`, or the queue that replaces the first overflow target.
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
        return f"{name} is full: the expected wait is {shown(minutes)}"
    return None
