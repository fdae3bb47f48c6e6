"""What a draft would have decided otherwise, counted, as trials and shadows show it."""

from uuid import UUID

from pydantic import BaseModel, Field


class Moved(BaseModel):
    """Work that goes to another queue."""

    from_queue: str = Field(description="The queue that got the work.", examples=["front-desk"])
    to_queue: str = Field(description="The queue that gets it by the draft.", examples=["planning"])
    items: int = Field(description="How many decisions.", examples=[3])


class RuleHits(BaseModel):
    """How often a rule decides."""

    rule: str = Field(description="The name of the rule.", examples=["Objections"])
    before: int = Field(description="How often it decided.", examples=[40])
    after: int = Field(description="How often it decides by the draft.", examples=[52])


class Erred(BaseModel):
    """A rule of the draft that can't be evaluated for some of the decisions."""

    rule: str = Field(description="The name of the rule.", examples=["Objections"])
    items: int = Field(description="For how many decisions.", examples=[2])


class ErrorExample(BaseModel):
    """A decision for which a rule can't be evaluated."""

    decision_id: UUID = Field(description="The decision's id.")
    error: str = Field(description="What is wrong.", examples=["no such key: tone"])


class ErredWithExamples(Erred):
    """A rule of the draft that can't be evaluated for some of the decisions, with a few of them."""

    examples: list[ErrorExample] = Field(description="The first of them, at most five.")


class QueueLoad(BaseModel):
    """How much work a queue gets, and who is there for it."""

    queue: str = Field(description="The queue's id.", examples=["planning"])
    before: int = Field(description="How many items it got.", examples=[120])
    after: int = Field(description="How many it gets by the draft.", examples=[132])
    agents: int = Field(description="How many agents it has in the draft.", examples=[6])
    on_shift: int = Field(description="How many of them are present now.", examples=[4])
    capacity: int = Field(description="Units of work that all of them can hold.", examples=[18])


class Unskilled(BaseModel):
    """Work that nobody who is present could take."""

    queue: str = Field(description="The queue's id.", examples=["planning"])
    skills: dict[str, int] = Field(
        description="The level of each skill that the work needs.", examples=[{"planning": 9}]
    )
    items: int = Field(description="How many decisions.", examples=[3])
    nobody: bool = Field(description="Whether no agent of the queue has the skills.", examples=[False])
    nobody_on_shift: bool = Field(description="Whether none who is present has them.", examples=[True])


class NewlyMissed(BaseModel):
    """Answers that come too late only by the draft's policies."""

    queue: str = Field(description="The queue that gets the work by the draft.", examples=["planning"])
    items: int = Field(description="How many.", examples=[1])


class FirstResponse(BaseModel):
    """Whether first answers come in time, by the policies of then and of the draft."""

    measured: int = Field(description="Of how many decisions that is known.", examples=[900])
    missed_before: int = Field(description="How many came too late.", examples=[12])
    missed_after: int = Field(description="How many come too late by the draft.", examples=[13])
    newly_missed: int = Field(description="How many come too late only by the draft.", examples=[2])
    no_longer_missed: int = Field(description="How many no longer do.", examples=[1])
    newly_missed_by_queue: list[NewlyMissed] = Field(description="`newly_missed`, by queue.")


class LaterWords(BaseModel):
    """Of the decisions, those about later words on open work."""

    decisions: int = Field(description="How many.", examples=[90])
    changed: int = Field(description="How many the draft makes otherwise.", examples=[2])


class DraftCounts(BaseModel):
    """What a draft decides otherwise."""

    decisions: int = Field(description="How many decisions were compared.", examples=[1000])
    later_words: LaterWords = Field(description="Those about later words on open work.")
    changed: int = Field(description="How many the draft makes otherwise.", examples=[12])
    elsewhere: int = Field(description="How many of them go to another queue.", examples=[3])
    same_by_another_rule: int = Field(description="How many another rule decides the same.", examples=[4])
    from_to: list[Moved] = Field(description="Which queues they leave and reach, the most first.")
    changes: dict[str, int] = Field(
        description="How often each value changes.", examples=[{"queue": 3, "priority": 12}]
    )
    rules: list[RuleHits] = Field(description="How often each rule decides.")


class ShadowResult(DraftCounts):
    """Where a draft in the shadow decided otherwise."""

    erred: list[Erred] = Field(description="Its rules that could not be evaluated.")


class TrialResult(DraftCounts):
    """What a draft would have done with decisions that were made before."""

    erred: list[ErredWithExamples] = Field(description="Its rules that can't be evaluated.")
    load: list[QueueLoad] = Field(description="How much each queue gets.")
    unskilled: list[Unskilled] = Field(description="Work that nobody who is present could take.")
    first_response: FirstResponse = Field(description="Whether first answers come in time.")
    without_words: int = Field(
        description="How many decisions are left out, because the words that they were made on are gone.",
        examples=[0],
    )
    without_words_ids: list[UUID] = Field(description="The first of these decisions.")
    notes: list[str] = Field(
        description="What the numbers do not have, in words.",
        examples=[["Later words that changed nothing are not recorded, and not in these numbers."]],
    )
