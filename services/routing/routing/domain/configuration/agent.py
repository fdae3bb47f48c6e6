"""What can be wrong with agents: duplicate ids and unknown names."""

from collections.abc import Iterable, Mapping, Sequence

from antiphon.organisation.agent import Agent
from antiphon.organisation.document import Document, Fault
from antiphon.organisation.queue import Queue
from routing.domain.configuration.section import unknown


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
