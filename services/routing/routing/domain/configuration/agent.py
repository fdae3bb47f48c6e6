"""Agents: people who answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from antiphon.organisation.document import Document, Fault, Section
from routing.domain.configuration.queue import Queue
from routing.domain.configuration.section import Level, unknown


class Agent(Section):
    """A person who answers."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    queues: list[str] = []
    skills: dict[str, Level] = {}
    capacity: int = Field(3, ge=1, le=100)
    auto_accept: bool = False
    profiles: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default={}, description="Limits of their own in capacity profiles, instead of the profile's."
    )


def faults(
    document: Document, agents: Sequence[Agent], queues: Mapping[str, Queue], skills: Mapping[str, str]
) -> Iterable[Fault]:
    """Second agents of an id, unknown queues and skills."""
    seen: set[str] = set()
    for place, agent in enumerate(agents):
        if agent.id in seen:
            yield document.fault(("agents", place, "id"), f"a second agent {agent.id!r}")
        seen.add(agent.id)
        for at, given in enumerate(agent.queues):
            yield from unknown(document, ("agents", place, "queues", at), "queue", given, queues)
        for skill in agent.skills:
            yield from unknown(document, ("agents", place, "skills", skill), "skill", skill, skills)
