"""A publication, and what it made active, as the API shows them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from routing.api.parameters import OptionalConfigurationVersion


class PublicationView(BaseModel):
    """How a draft becomes the active version: who, when and why at each step."""

    publication_id: UUID = Field(description="The publication's id.")
    draft_id: UUID = Field(description="The draft that is published.")
    base_version: int = Field(description="The version that the draft was made from.", examples=[11])
    state: Literal["waiting", "planned", "limited", "published", "ended", "withdrawn", "failed"] = Field(
        description=(
            "Waiting: for a second person. Planned: for its time. Limited: active for `rollout` percent of the cases. "
            "Published: active for all. Ended: the version before is active again. Withdrawn: never active. "
            "Failed: it could not become active at its time."
        )
    )
    why: str = Field(description="Why it is published.", examples=["Objections have a legal deadline"])
    trial_id: UUID | None = Field(description="The trial that was cited.")
    asked_at: datetime = Field(description="When the publication was asked for.")
    asked_by: str = Field(description="Who asked for it.", examples=["olga"])
    needs_approval: bool = Field(description="Whether a second person must approve.")
    approved_at: datetime | None = Field(description="When a second person approved.")
    approved_by: str | None = Field(description="Who approved.", examples=["quinn"])
    approved_why: str | None = Field(
        description="What they wrote about it.", examples=["Read and understood"]
    )
    begins_at: datetime | None = Field(description="When it is to become active; null: at once.")
    rollout: int = Field(description="The percent of the cases that it decides about.", examples=[20])
    widens_at: datetime | None = Field(description="When it is to decide about all cases.")
    ends_at: datetime | None = Field(description="When the version before is to become active again.")
    configuration_version: OptionalConfigurationVersion = Field(
        description="The number of the version that it made; null before it was active."
    )
    restores: int | None = Field(
        description="The version whose source it has, when it is a step back.", examples=[None]
    )
    ended_at: datetime | None = Field(description="When it ended, was withdrawn or failed.")
    ended_by: str | None = Field(
        description="Who ended it; `routing` at the time that was set.", examples=["olga"]
    )
    ended_why: str | None = Field(description="Why it ended.", examples=["The busy week is over"])


class Published(BaseModel):
    """The version that is active now; without one, the publication states what it waits for."""

    configuration_version: OptionalConfigurationVersion = Field(
        description="The number of the version that became active."
    )
    restores: int | None = Field(
        default=None, description="The version whose source it has, when it is a step back.", examples=[11]
    )
    publication: PublicationView | None = Field(
        default=None, description="The publication, when it has a time, a rollout or needs approval."
    )
