"""Steps: how a queue relaxes what work requires while it waits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, Self

from pydantic import Field, model_validator

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.section import Duration, Level, unknown


class Step(Section):
    """What happens when work has waited `after`, in the open time of its queue.

    `lower` reduces the level of required and preferred skills, and `drop` removes them. `needs` keeps only the required
    skills that it names, at most at its level. Members of `add_queue` are offered the work too. A step never adds a skill.
    """

    after: Duration
    lower: dict[str, Level] = {}
    drop: list[str] = []
    needs: dict[str, Level] | None = None
    add_queue: str | None = None
    raise_priority: int = Field(0, ge=0, le=100)

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.lower or self.drop or self.add_queue or self.raise_priority) and self.needs is None:
            raise ValueError("does nothing: set lower, drop, needs, add_queue or raise_priority")
        return self


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
