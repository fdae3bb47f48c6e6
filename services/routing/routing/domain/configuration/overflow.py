"""Overflow: where work goes when its queue is closed or full."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, Field

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.section import Duration, unknown

NEVER = "never"  # as the overflow of a rule: its work stays in its queue


class OutsideHours(Section):
    """What happens to work while the queue is closed: the queue holds it, or it goes to `overflow`.

    `acknowledge` is the text that the customer gets at once, on their own channel, when the queue holds their work.
    """

    overflow: str | None = None
    acknowledge: str | None = Field(default=None, min_length=1, max_length=2000)


class Limit(Section):
    """The most that the queue takes: items that wait, or the expected wait. Beyond it, new work goes to `overflow`."""

    waiting: int | None = Field(None, ge=1, le=1_000_000)
    wait: Duration | None = Field(None, ge=timedelta(seconds=1))
    overflow: str


def _outside(value: object) -> object:
    return {} if value == "hold" else value


Outside = Annotated[
    OutsideHours, BeforeValidator(_outside, json_schema_input_type=OutsideHours | Literal["hold"])
]


class Overflows(Protocol):
    """Anything that has overflow."""

    @property
    def outside_hours(self) -> OutsideHours: ...  # noqa: D102
    @property
    def limit(self) -> Limit | None: ...  # noqa: D102


def faults(document: Document, queues: Mapping[str, Overflows]) -> Iterable[Fault]:
    """Yields unknown queues, empty limits, and overflow cycles."""
    for key, queue in queues.items():
        for place, target in _targets(queue).items():
            yield from unknown(document, ("queues", key, place, "overflow"), "queue", target, queues)
        if queue.limit is not None and queue.limit.waiting is None and queue.limit.wait is None:
            yield document.fault(("queues", key, "limit"), "limits nothing: set waiting or wait")
    reported: set[frozenset[str]] = set()
    for key in queues:
        for cycle in _cycles(queues, [key]):
            # Each cycle once, at its first queue in the document.
            if frozenset(cycle) not in reported:
                reported.add(frozenset(cycle))
                place = next(p for p, target in _targets(queues[key]).items() if target == cycle[1])
                path = ("queues", key, place, "overflow")
                yield document.fault(path, f"is an overflow cycle: {' → '.join(cycle)}")


def _targets(queue: Overflows) -> dict[str, str]:
    targets = {"outside_hours": queue.outside_hours.overflow, "limit": queue.limit and queue.limit.overflow}
    return {place: target for place, target in targets.items() if target is not None}


def _cycles(queues: Mapping[str, Overflows], path: list[str]) -> Iterable[list[str]]:
    """Yields the overflow paths from the last of `path` back to its first. They are few: a queue has at most two targets."""
    for target in dict.fromkeys(_targets(queues[path[-1]]).values()):
        if target == path[0]:
            yield [*path, target]
        elif target in queues and target not in path:
            yield from _cycles(queues, [*path, target])
