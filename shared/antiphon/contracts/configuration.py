"""Topic `configuration`: which rules, queues and agents the organisation works by."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Event, Instant

Rollout = Annotated[int, Field(ge=1, le=100, description="Percent of the cases that are decided by it.")]


class ConfigurationEvent(Event):
    """A fact about the configuration: who, when and why."""

    topic: ClassVar[str] = "configuration"

    by: str
    why: str | None
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

    publication_id: UUID
    draft_id: UUID
    needs_approval: bool
    begins_at: Instant | None
    rollout: Rollout
    ends_at: Instant | None


class ConfigurationPublished(ConfigurationEvent):
    """A version is active: for all cases, or for a share of them beside the version before it."""

    type: ClassVar[str] = "configuration.published.v1"

    version: int
    rollout: Rollout
    draft_id: UUID | None = None
    restores: int | None = Field(None, description="The version whose text it has: a step back.")


class ConfigurationEnded(ConfigurationEvent):
    """What was planned or was active for a share or a time is over."""

    type: ClassVar[str] = "configuration.ended.v1"

    publication_id: UUID
    version: int | None = Field(description="The version that it was, if it ever was one.")
