"""What can be wrong with the members of a queue: unknown people and skills."""

from collections.abc import Iterable, Mapping

from antiphon.organisation.document import Document, Fault
from antiphon.organisation.membership import HasMembers
from routing.domain.configuration.section import unknown


def faults(
    document: Document,
    queues: Mapping[str, HasMembers],
    people: Mapping[str, object],
    skills: Mapping[str, str],
) -> Iterable[Fault]:
    """Yields unknown people and skills."""
    for key, queue in queues.items():
        path = ("queues", key, "members")
        for place, person in enumerate(queue.members.people):
            yield from unknown(document, (*path, "people", place), "person", person, people)
        for wanted in queue.members.skills:
            for skill in wanted:
                yield from unknown(document, (*path, "skills"), "skill", skill, skills)
