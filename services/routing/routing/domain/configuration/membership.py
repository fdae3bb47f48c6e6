"""What can be wrong with the members of a queue: unknown agents and skills."""

from collections.abc import Iterable, Mapping

from antiphon.organisation.document import Document, Fault
from antiphon.organisation.membership import HasMembers
from routing.domain.configuration.section import unknown


def faults(
    document: Document,
    queues: Mapping[str, HasMembers],
    agents: Mapping[str, object],
    skills: Mapping[str, str],
) -> Iterable[Fault]:
    """Yields unknown agents and skills."""
    for key, queue in queues.items():
        path = ("queues", key, "members")
        for place, agent in enumerate(queue.members.agents):
            yield from unknown(document, (*path, "agents", place), "agent", agent, agents)
        for wanted in queue.members.skills:
            for skill in wanted:
                yield from unknown(document, (*path, "skills"), "skill", skill, skills)
