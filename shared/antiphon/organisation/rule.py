"""Rules: a condition, and what happens to the work for which it is true."""

from pydantic import Field

from antiphon.organisation.section import Label, Level, Section

# The priority of work whose rule names none.
PRIORITY = 50


class Then(Section):
    """What a rule does with the work. `prefer_skills` and `prefer_agent` are an advantage, not required.

    `overflow` replaces the first overflow target of the queue; with `never` the work stays in the queue.
    """

    queue: str | None = None
    """The queue that takes the work."""
    priority: int | None = Field(default=None, ge=0, le=100)
    """Its priority, from 0 to 100. Default: 50."""
    skills: dict[str, Level] = {}
    """The skills that an agent must have, each with its level."""
    prefer_skills: dict[str, Level] = {}
    """Skills that are an advantage."""
    prefer_agent: str | None = None
    """The agent who is preferred."""
    sla_policy: str | None = None
    """The SLA policy, in place of the queue's."""
    overflow: str | None = None
    """Where the work goes in place of the queue's overflow; `never` keeps it in its queue."""
    labels: list[Label] = Field(default=[], max_length=20)
    """Labels that the work gets."""


class Rule(Section):
    """A rule. With `go_on`, the rules after it are evaluated too, and their values win.

    `moves`: at later words it moves waiting work to its queue at any priority; other rules do so only to a higher one.
    `first_words_only`: it is asked when work is made, and not at later words.
    """

    name: str
    """What people call it; unique."""
    when: str
    """The condition (CEL), e.g. `case.department == 'planning'`."""
    then: Then
    """What it does with the work."""
    go_on: bool = False
    """Whether the rules after it are evaluated too."""
    moves: bool = False
    """Whether it moves waiting work at later words at any priority."""
    first_words_only: bool = False
    """Whether it is asked only when work is made."""
