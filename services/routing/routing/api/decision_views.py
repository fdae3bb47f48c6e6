"""A recorded decision that a draft makes otherwise, as trials and shadows show it."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from routing.api.parameters import ConfigurationVersion
from routing.work.explain import RuleOutcome

_OUTCOME = {"queue": "planning", "priority": 70, "skills": {"planning": 5}, "sla_policy": "standard"}


class Decided(BaseModel):
    """What was or would be decided, by which rule, and the result of every rule."""

    rule: str = Field(description="The rule that decided.", examples=["Objections"])
    outcome: dict[str, object] = Field(description="What it decided.", examples=[_OUTCOME])
    trace: list[RuleOutcome] = Field(description="The result of every rule, in order.")


class DecidedOtherwise(BaseModel):
    """A recorded decision that a draft makes otherwise."""

    decision_id: UUID = Field(description="The decision's id.")
    work_item_id: UUID = Field(description="The work item that was decided about.")
    case_id: UUID = Field(description="The case of the work item.")
    at: datetime = Field(description="When it was decided.")
    configuration_version: ConfigurationVersion = Field(description="The version that decided.")
    later_words: bool = Field(
        description="Whether it was made about open work, on later words of the customer: then its outcome is the work after it."
    )
    before: Decided = Field(description="What that version decided.")
    after: Decided = Field(description="What the draft decides.")
