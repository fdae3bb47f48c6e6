"""What every contract model has in common."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A value inside an event. Immutable; fields that this version does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64")


class Event(Contract):
    """The data of one CloudEvent: a past fact.

    `type` is the CloudEvents type, `topic` the Kafka topic that carries it.
    """

    type: ClassVar[str]
    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """Kafka key: events with the same key are read in the order they were written."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """CloudEvents subject: the id of the thing that the fact is about."""
        raise NotImplementedError


def known(values: type[StrEnum]) -> Any:
    """Field metadata for an open enumeration: writers use `values`, readers accept any text.

    The docstring of the enumeration describes the field.
    """
    return Field(
        description=" ".join((values.__doc__ or "").split()),
        json_schema_extra={"x-known-values": [value.value for value in values]},
    )


# Beyond these nobody means it, and a row with a year before 1 or after 9999 could be written but never read again.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC: pydantic writes that with `Z`, and all else with its offset."""
    return at.astimezone(UTC)


Instant = Annotated[
    AwareDatetime,
    Field(ge=EARLIEST, le=LATEST, description="RFC 3339 date-time with offset; written in UTC."),
    AfterValidator(in_utc),
]


def rfc3339(at: datetime) -> str:
    """An instant as every answer and every event has it, the way pydantic writes it: in UTC with `Z`, to the microsecond."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class ActorKind(StrEnum):
    """Who can do something to a case."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SYSTEM = "system"
    INTEGRATION = "integration"


class Actor(Contract):
    """Who did it: a person by the subject of their token, or a part of the system by its name."""

    kind: Annotated[str, known(ActorKind)]
    id: str = Field(description="The subject of a person's token, or the name of a service.")
    name: str | None = Field(default=None, description="What people call them, when it is known.")


__all__ = ["Actor", "ActorKind", "Contract", "Event", "Instant", "in_utc", "known", "rfc3339"]
