"""Overflow: where work goes that a queue does not take, because it is closed or full."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Protocol

from pydantic import BeforeValidator, Field

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.section import Duration, unknown

NEVER = "never"  # what a rule says instead of a queue for work that stays where it is


class OutsideHours(Section):
    """What happens to work while the queue is closed: it is held, or goes to `overflow`.

    `acknowledge` are words that the customer gets at once, by the channel on which they spoke, when their work is held.
    """

    overflow: str | None = None
    acknowledge: str | None = Field(default=None, min_length=1, max_length=2000)


class Limit(Section):
    """More than this the queue does not take: so many who wait, or so long an expected wait; what comes goes to `overflow`."""

    waiting: int | None = Field(None, ge=1, le=1_000_000)
    wait: Duration | None = Field(None, ge=timedelta(seconds=1))
    overflow: str


def _outside(given: object) -> object:
    return {} if given == "hold" else given


Outside = Annotated[OutsideHours, BeforeValidator(_outside)]


class Overflows(Protocol):
    """What may flow over."""

    @property
    def outside_hours(self) -> OutsideHours: ...  # noqa: D102
    @property
    def limit(self) -> Limit | None: ...  # noqa: D102


def faults(document: Document, queues: Mapping[str, Overflows]) -> Iterable[Fault]:
    """Unknown queues, limits that limit nothing, and work that would flow in a circle."""
    for key, queue in queues.items():
        for place, target in _ways(queue).items():
            yield from unknown(document, ("queues", key, place, "overflow"), "queue", target, queues)
        if queue.limit is not None and queue.limit.waiting is None and queue.limit.wait is None:
            yield document.fault(("queues", key, "limit"), "limits nothing: give waiting or wait")
    told: set[frozenset[str]] = set()
    for key in queues:
        for circle in _circles(queues, [key]):
            # Once, and where it begins that stands first.
            if frozenset(circle) not in told:
                told.add(frozenset(circle))
                place = next(p for p, target in _ways(queues[key]).items() if target == circle[1])
                path = ("queues", key, place, "overflow")
                yield document.fault(path, f"work would flow in a circle: {' → '.join(circle)}")


def _ways(queue: Overflows) -> dict[str, str]:
    ways = {"outside_hours": queue.outside_hours.overflow, "limit": queue.limit and queue.limit.overflow}
    return {place: target for place, target in ways.items() if target is not None}


def _circles(queues: Mapping[str, Overflows], way: list[str]) -> Iterable[list[str]]:
    """The ways from the first of `way` back to it. They are few: a queue has two at the most."""
    for target in dict.fromkeys(_ways(queues[way[-1]]).values()):
        if target == way[0]:
            yield [*way, target]
        elif target in queues and target not in way:
            yield from _circles(queues, [*way, target])
