"""Agents: the people who are offered work, as they are at one time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from antiphon.organisation.person import Person


class AwayKind(StrEnum):
    """Why an agent is offered nothing at this time, whatever their presence."""

    ABSENT = "absent"
    OUTSIDE_SHIFT = "outside-shift"


_WORDS = {AwayKind.ABSENT: "absent", AwayKind.OUTSIDE_SHIFT: "outside the shift"}


class Away(BaseModel):
    """An agent is offered nothing for a time, whatever their presence."""

    model_config = ConfigDict(frozen=True)

    kind: AwayKind = Field(description="`absent`, or `outside-shift`.", examples=["absent"])
    until: datetime | None = Field(description="When it ends; null when that is not known.")
    because: str = Field(
        description="The reason in words, with the local time.", examples=["absent until 2027-01-11 00:00"]
    )

    @classmethod
    def of(cls, kind: AwayKind, until: datetime | None, zone: ZoneInfo) -> "Away":
        """The reason, with its words in the organisation's time zone."""
        end = "" if until is None else f" until {until.astimezone(zone):%Y-%m-%d %H:%M}"
        return cls(kind=kind, until=until, because=f"{_WORDS[kind]}{end}")


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who is a member of queues, as they are at one time."""

    id: str
    name: str
    queues: Sequence[str]
    skills: Mapping[str, int]
    capacity: int
    auto_accept: bool
    profiles: Mapping[str, int]
    away: Away | None = None

    @classmethod
    def of(cls, person: Person, queues: Sequence[str], away: Away | None = None) -> "Agent":
        """The person as a member of these queues."""
        return cls(
            person.id, person.name, queues, person.skills, person.capacity, person.auto_accept, person.profiles, away
        )  # fmt: skip
