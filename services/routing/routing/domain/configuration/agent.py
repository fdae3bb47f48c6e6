"""Agents: the people who answer customers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.queue import Queue
from routing.domain.configuration.section import Level, unknown


class Agent(Section):
    """A person who answers customers."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    queues: list[str] = []
    skills: dict[str, Level] = {}
    capacity: int = Field(3, ge=1, le=100)
    auto_accept: bool = False
    profiles: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default={}, description="The agent's own limits in capacity profiles, in place of the profile's."
    )


def faults(
    document: Document, agents: Sequence[Agent], queues: Mapping[str, Queue], skills: Mapping[str, str]
) -> Iterable[Fault]:
    """Yields duplicate ids, unknown queues and unknown skills."""
    seen: set[str] = set()
    for place, agent in enumerate(agents):
        if agent.id in seen:
            yield document.fault(("agents", place, "id"), f"a second agent {agent.id!r}")
        seen.add(agent.id)
        for at, queue in enumerate(agent.queues):
            yield from unknown(document, ("agents", place, "queues", at), "queue", queue, queues)
        for skill in agent.skills:
            yield from unknown(document, ("agents", place, "skills", skill), "skill", skill, skills)
