"""A work item as the API shows it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from antiphon.organisation.agent_policy import WHOLE
from routing.domain.work_item import WorkItem

WorkStateName = Literal["queued", "offered", "accepted", "completed"]


def _units(units: int | None) -> int | None:
    return None if units is None or units >= WHOLE else units


class WorkView(BaseModel):
    """A work item: a case's claim on the attention of an agent."""

    work_item_id: UUID = Field(description="The work item's id.")
    case_id: UUID = Field(description="The case that the work is about.")
    case_reference: str = Field(description="The case's reference for people.", examples=["C-1042"])
    customer_id: UUID = Field(description="The customer of the case.")
    channel: str = Field(description="The channel on which the customer wrote or called.", examples=["email"])
    subject: str | None = Field(description="The subject of the case.", examples=["Building permit"])
    state: WorkStateName = Field(description="Whether the work waits, is offered, is accepted or is over.")
    queue: str = Field(description="The id of the queue that the work is in.", examples=["planning"])
    priority: int = Field(
        description="0 to 100; the higher goes first among work that is due at the same time.", examples=[50]
    )
    skills: dict[str, int] = Field(
        description="The level of each skill that an agent needs.", examples=[{"planning": 3}]
    )
    prefer_skills: dict[str, int] = Field(
        description="The level of each skill that is preferred and not needed.", examples=[{"objections": 2}]
    )
    labels: list[str] = Field(description="Labels that rules put on the work.", examples=[["storm"]])
    queued_at: datetime = Field(description="When the customer began to wait.")
    due_at: datetime | None = Field(
        description="When the first promise to the customer that still runs is due; null without one."
    )
    agent_id: str | None = Field(
        description="The agent who is offered the work or has accepted it.", examples=["elena"]
    )
    attempts: int = Field(description="How many offers of the work were made.", examples=[1])
    step: int = Field(description="How many escalation steps of its queue the work has passed.", examples=[0])
    also_queues: list[str] = Field(
        description="Further queues whose agents are offered the work.", examples=[["front-desk"]]
    )
    units: Annotated[int | None, BeforeValidator(_units)] = Field(
        description="Units of capacity that the work takes; null: all of an agent's.", examples=[1]
    )
    profiles: list[str] = Field(
        description="The capacity profiles that the work counts against.", examples=[["mail"]]
    )
    changed_at: datetime = Field(description="When the work last changed.")
    completed_at: datetime | None = Field(description="When the work was completed; null while it is open.")


def work_view(work: WorkItem) -> WorkView:
    """The view of a work item."""
    return WorkView.model_validate(work, from_attributes=True)
