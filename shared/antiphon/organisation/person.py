"""People: everybody on the staff, where they work, what they may do, and from when until when. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer
from typing_extensions import override

from antiphon.organisation.membership import HasMembers
from antiphon.organisation.period import Moment, Period, instant
from antiphon.organisation.section import Level, Section

EVERYTHING = "everything"


class Permission(StrEnum):
    """What a person may do besides what their role and their membership allow."""

    PUBLIC_REPLY = "public-reply"


class QueueMembership(Period):
    """A queue of which a person is a member, and from when until when."""

    queue: str
    """The queue."""

    @override
    def in_words(self) -> str:
        """The queue and its period: `roads from 2027-01-04`."""
        return f"{self.queue} {super().in_words()}".rstrip()


class DepartmentMembership(Period):
    """A department to which a person belongs, and from when until when."""

    department: str
    """The department."""

    @override
    def in_words(self) -> str:
        """The department and its period: `roads from 2027-01-04`."""
        return f"{self.department} {super().in_words()}".rstrip()


class Absence(Period):
    """A time in which a person is not at work, such as a holiday. Without `until` it has no end yet."""

    since: Moment = Field(alias="from", description="The first moment.")  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride] - an absence always begins


class Scope(Section):
    """What a supervisor or a manager is responsible for: departments and queues, or `everything`."""

    departments: list[str] = []
    """The departments that they are responsible for."""
    queues: list[str] = []
    """The queues that they are responsible for."""
    everything: bool = Field(default=False, description="Written as `supervises: everything`.")

    def in_words(self) -> str:
        """The scope as text for people."""
        named = (("departments", self.departments), ("queues", self.queues))
        parts = [f"{word} {', '.join(names)}" for word, names in named if names]
        return EVERYTHING if self.everything else ", ".join(parts) or "nothing"


def _as(key: str) -> Callable[[object], object]:
    return lambda value: {key: value} if isinstance(value, str) else value


def _scope(value: object) -> object:
    if value == EVERYTHING:
        return {"everything": True}
    if isinstance(value, dict) and "everything" not in value:
        return value
    if isinstance(value, Scope):
        return value
    raise ValueError(f"must be `{EVERYTHING}`, or departments and queues")


def _shown_scope(scope: Scope) -> object:
    return EVERYTHING if scope.everything else {"departments": scope.departments, "queues": scope.queues}


class Person(Period):
    """A person on the staff, from their first to their last day. Who is a member of a queue is an agent."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="The subject of the person's token.")
    name: str
    """What people call them."""
    departments: list[
        Annotated[
            DepartmentMembership,
            BeforeValidator(_as("department"), json_schema_input_type=str | DepartmentMembership),
        ]
    ] = []
    """The departments that they belong to."""
    queues: list[
        Annotated[
            QueueMembership, BeforeValidator(_as("queue"), json_schema_input_type=str | QueueMembership)
        ]
    ] = []
    """The queues that they work for, besides those that name them as members."""
    skills: dict[str, Level] = {}
    """Their skills, each with its level from 1 to 10."""
    capacity: int = Field(3, ge=1, le=100)
    """How many units of work they have at once."""
    auto_accept: bool = False
    """Whether offers are accepted for them at once."""
    profiles: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default={}, description="The person's own limits in capacity profiles, in place of the profile's."
    )
    supervises: (
        Annotated[
            Scope,
            BeforeValidator(_scope, json_schema_input_type=Literal["everything"] | Scope),
            PlainSerializer(_shown_scope, when_used="json"),
        ]
        | None
    ) = None
    """What a supervisor or a manager is responsible for."""
    permissions: list[Permission] = []
    """What they may do besides what their role and membership allow."""
    absences: list[Absence] = []
    """When they are not at work."""
    shifts: str | None = Field(
        None, description="The calendar in whose open time the person is offered work. Default: always."
    )


class HasQueues(Protocol):
    """Anything that has queues and a time zone: the organisation."""

    @property
    def queues(self) -> Mapping[str, HasMembers]: ...  # noqa: D102

    @property
    def zone(self) -> ZoneInfo: ...  # noqa: D102


class Occupation(NamedTuple):
    """What changes with time about a person: whether they are employed, where they belong, and whether they are absent."""

    employed: bool
    queues: Sequence[str]
    departments: Sequence[str]
    absent: bool


def is_employed(person: Person, organisation: HasQueues, at: datetime) -> bool:
    """Whether the person is on the staff: they have come and not left."""
    return person.covers(at, organisation.zone)


def queues_of(person: Person, organisation: HasQueues, at: datetime) -> list[str]:
    """Returns the queues that a person is a member of: those that they name, then those whose members include them."""
    if not is_employed(person, organisation, at):
        return []
    named = [one.queue for one in person.queues if one.covers(at, organisation.zone)]
    joined = (
        key for key, queue in organisation.queues.items() if queue.members.include(person.id, person.skills)
    )
    return list(dict.fromkeys([*named, *joined]))


def departments_of(person: Person, organisation: HasQueues, at: datetime) -> list[str]:
    """Returns the departments to which a person belongs."""
    if not is_employed(person, organisation, at):
        return []
    named = [one.department for one in person.departments if one.covers(at, organisation.zone)]
    return list(dict.fromkeys(named))


def is_absent(person: Person, organisation: HasQueues, at: datetime) -> bool:
    """Whether the person is in one of their absences."""
    return any(absence.covers(at, organisation.zone) for absence in person.absences)


def absent_until(person: Person, organisation: HasQueues, at: datetime) -> datetime | None:
    """Returns the end of the absence, in UTC, across absences that touch; None when it has no end, or there is no absence."""
    until: datetime | None = at
    while until is not None:
        now = [absence for absence in person.absences if absence.covers(until, organisation.zone)]
        if not now:
            return until if until > at else None
        ends = [absence.until for absence in now]
        until = None if None in ends else max(instant(end, organisation.zone) for end in ends if end)
    return None


def occupation(person: Person, organisation: HasQueues, at: datetime) -> Occupation:
    """Returns all of a person that changes with time."""
    return Occupation(
        is_employed(person, organisation, at), queues_of(person, organisation, at),
        departments_of(person, organisation, at), is_absent(person, organisation, at),
    )  # fmt: skip


def next_change(people: Iterable[Person], organisation: HasQueues, now: datetime) -> datetime | None:
    """Returns the first instant after `now` at which the occupation of one of these people differs; None when none does."""
    changes = (change for person in people if (change := _change(person, organisation, now)) is not None)
    return min(changes, default=None)


def _change(person: Person, organisation: HasQueues, now: datetime) -> datetime | None:
    moments = sorted({moment for moment in _moments(person, organisation.zone) if moment > now})
    if not moments:
        return None
    current = occupation(person, organisation, now)
    return next((at for at in moments if occupation(person, organisation, at) != current), None)


def _moments(person: Person, zone: ZoneInfo) -> Iterator[datetime]:
    for period in (person, *person.queues, *person.departments, *person.absences):
        yield from period.ends(zone)
