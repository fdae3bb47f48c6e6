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
    priority: int | None = Field(default=None, ge=0, le=100)
    skills: dict[str, Level] = {}
    prefer_skills: dict[str, Level] = {}
    prefer_agent: str | None = None
    sla_policy: str | None = None
    overflow: str | None = None
    labels: list[Label] = Field(default=[], max_length=20)


class Rule(Section):
    """A rule. With `go_on`, the rules after it are evaluated too, and their values win.

    `moves`: at later words it moves waiting work to its queue at any priority; other rules do so only to a higher one.
    `first_words_only`: it is asked when work is made, and not at later words.
    """

    name: str
    when: str
    then: Then
    go_on: bool = False
    moves: bool = False
    first_words_only: bool = False
