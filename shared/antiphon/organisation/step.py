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
