"""What can be wrong with overflow: unknown queues, limits without a number, and cycles."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from antiphon.organisation.document import Document, Fault
from antiphon.organisation.overflow import Limit, OutsideHours
from routing.domain.configuration.section import unknown


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
