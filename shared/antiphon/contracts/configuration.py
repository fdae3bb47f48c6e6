"""Topic `configuration`: which rules, queues and agents the organisation works by."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Event, Instant
from antiphon.organisation.organisation import Organisation

Rollout = Annotated[int, Field(ge=1, le=100, description="Percent of the cases that are decided by it.")]


class ConfigurationEvent(Event):
    """A fact about the configuration: who, when and why."""

    topic: ClassVar[str] = "configuration"

    by: str = Field(description="Who caused it.")
    why: str | None = Field(description="Why, as they wrote it.")
    at: Instant

    @property
    @override
    def key(self) -> str:
        return "configuration"

    @property
    @override
    def subject(self) -> str:
        return "configuration"


class ConfigurationPlanned(ConfigurationEvent):
    """A draft is to become active: when its time has come, or when a second person approves."""

    type: ClassVar[str] = "configuration.planned.v1"

    publication_id: UUID = Field(description="The publication.")
    draft_id: UUID = Field(description="The draft that is to become active.")
    needs_approval: bool = Field(description="Whether it waits until a second person approves.")
    begins_at: Instant | None = Field(description="When it becomes active; null: as soon as it may.")
    rollout: Rollout
    ends_at: Instant | None = Field(description="When the version before becomes active again; null: never.")


class ConfigurationPublished(ConfigurationEvent):
    """A version is active: for all cases, or for a percentage of them while the version before decides about the rest.

    routing publishes the version that is active for all cases again at each start and once a day. Then the event has the
    same data: a reader that keeps the greatest version changes nothing.
    """

    type: ClassVar[str] = "configuration.published.v1"

    configuration_version: int = Field(description="The version that is active.")
    rollout: Rollout
    draft_id: UUID | None = Field(default=None, description="The draft that it was.")
    restores: int | None = Field(
        None, description="The earlier version whose text it has, when a person went back to that one."
    )
    organisation: Organisation | None = Field(
        default=None,
        description="The whole document, without secrets. Null for a rollout of less than 100, which changes only rules.",
    )


class ConfigurationEnded(ConfigurationEvent):
    """A publication is over: it was planned, or it was active for a percentage of the cases or for a time."""

    type: ClassVar[str] = "configuration.ended.v1"

    publication_id: UUID = Field(description="The publication that is over.")
    configuration_version: int | None = Field(description="The version that it was, if it ever was one.")
