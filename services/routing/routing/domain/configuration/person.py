"""What can be wrong with people: duplicate ids, unknown names, and times that contradict each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from antiphon.organisation.document import Document, Fault, Place
from antiphon.organisation.period import Period, instant
from antiphon.organisation.person import Absence, Person
from routing.domain.configuration.section import unknown


class Names(NamedTuple):
    """The names that people can have in the document, each kind by its key."""

    departments: Mapping[str, object]
    queues: Mapping[str, object]
    skills: Mapping[str, object]
    calendars: Mapping[str, object]


def faults(
    document: Document, people: Sequence[Person], names: Names, zone: ZoneInfo | None
) -> Iterable[Fault]:
    """Yields duplicate ids, unknown names, periods that end before they begin, and absences that overlap.

    `zone` is the organisation's; without one, which is a fault of its own, times are not compared.
    """
    seen: set[str] = set()
    for place, person in enumerate(people):
        path = ("people", place)
        if person.id in seen:
            yield document.fault((*path, "id"), f"a second person {person.id!r}")
        seen.add(person.id)
        yield from _unknown_names(document, path, person, names)
        if zone is not None:
            yield from _contradictory_times(document, path, person, zone)


def _unknown_names(document: Document, path: Place, person: Person, names: Names) -> Iterable[Fault]:
    for at, of_queue in enumerate(person.queues):
        yield from unknown(document, (*path, "queues", at), "queue", of_queue.queue, names.queues)
    for at, belongs in enumerate(person.departments):
        here = (*path, "departments", at)
        yield from unknown(document, here, "department", belongs.department, names.departments)
    for skill in person.skills:
        yield from unknown(document, (*path, "skills", skill), "skill", skill, names.skills)
    yield from unknown(document, (*path, "shifts"), "calendar", person.shifts, names.calendars)
    if person.supervises is not None:
        scope = (*path, "supervises")
        for at, queue in enumerate(person.supervises.queues):
            yield from unknown(document, (*scope, "queues", at), "queue", queue, names.queues)
        for at, department in enumerate(person.supervises.departments):
            here = (*scope, "departments", at)
            yield from unknown(document, here, "department", department, names.departments)


def _contradictory_times(document: Document, path: Place, person: Person, zone: ZoneInfo) -> Iterable[Fault]:
    yield from _ends_before(document, path, person, zone)
    for name, periods in (
        ("queues", person.queues), ("departments", person.departments), ("absences", person.absences),
    ):  # fmt: skip
        for at, period in enumerate(periods):
            yield from _ends_before(document, (*path, name, at), period, zone)
    last: Absence | None = None
    for at, absence in sorted(enumerate(person.absences), key=lambda found: instant(found[1].since, zone)):
        if last is not None and last.covers(instant(absence.since, zone), zone):
            message = f"overlaps the absence {last.in_words()}"
            yield document.fault((*path, "absences", at), message)
        else:
            last = absence


def _ends_before(document: Document, path: Place, period: Period, zone: ZoneInfo) -> Iterable[Fault]:
    begin, end = period.since, period.until
    if begin is not None and end is not None and instant(end, zone) <= instant(begin, zone):
        message = "must be later than `from`: it is the first moment at which it no longer holds"
        yield document.fault((*path, "until"), message)
