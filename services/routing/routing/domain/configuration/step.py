"""What can be wrong with the steps of a queue: unknown names, and steps out of order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from antiphon.organisation.document import Document, Fault
from antiphon.organisation.step import Step
from routing.domain.configuration.section import unknown


class HasSteps(Protocol):
    """Anything that has steps."""

    @property
    def steps(self) -> Sequence[Step]: ...  # noqa: D102


def faults(document: Document, queues: Mapping[str, HasSteps], skills: Mapping[str, str]) -> Iterable[Fault]:
    """Yields unknown skills and queues, steps out of order, and queues that are added to themselves."""
    for key, queue in queues.items():
        for place, step in enumerate(queue.steps):
            path = ("queues", key, "steps", place)
            for skill in step.lower:
                yield from unknown(document, (*path, "lower", skill), "skill", skill, skills)
            for at, skill in enumerate(step.drop):
                yield from unknown(document, (*path, "drop", at), "skill", skill, skills)
            for skill in step.needs or {}:
                yield from unknown(document, (*path, "needs", skill), "skill", skill, skills)
            yield from unknown(document, (*path, "add_queue"), "queue", step.add_queue, queues)
            if step.add_queue == key:
                yield document.fault(
                    (*path, "add_queue"), "must be another queue than the one with the steps"
                )
            if place and step.after <= queue.steps[place - 1].after:
                yield document.fault((*path, "after"), "must be later than that of the step before")
