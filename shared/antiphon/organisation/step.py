"""Steps: how a queue relaxes what work requires while it waits."""

from typing import Self

from pydantic import Field, model_validator

from antiphon.organisation.section import Duration, Level, Section


class Step(Section):
    """What happens when work has waited `after`, in the open time of its queue.

    `lower` reduces the level of required and preferred skills, and `drop` removes them. `needs` keeps only the required
    skills that it names, at most at its level. Members of `add_queue` are offered the work too. A step never adds a skill.
    """

    after: Duration
    """How long work has waited."""
    lower: dict[str, Level] = {}
    """By how many levels each of these skills is lowered."""
    drop: list[str] = []
    """Skills that are required no longer."""
    needs: dict[str, Level] | None = None
    """The only skills that are required from then on, each at most at this level."""
    add_queue: str | None = None
    """The queue whose members are offered the work too."""
    raise_priority: int = Field(0, ge=0, le=100)
    """By how much the priority rises."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.lower or self.drop or self.add_queue or self.raise_priority) and self.needs is None:
            raise ValueError("does nothing: set lower, drop, needs, add_queue or raise_priority")
        return self
