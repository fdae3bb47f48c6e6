"""Topic `work`: a case's claim on an agent's attention, and the clocks that run on it."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Actor, Contract, Event, Instant, known


class WorkState(StrEnum):
    """Where a work item stands."""

    QUEUED = "queued"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    COMPLETED = "completed"


class SlaTarget(StrEnum):
    """What an SLA clock measures."""

    FIRST_RESPONSE = "first-response"
    NEXT_RESPONSE = "next-response"
    RESOLUTION = "resolution"


class CompletedBecause(StrEnum):
    """Why work is over. The reason beside it is for people."""

    ANSWERED = "answered"
    STATUS_SET = "status-set"
    WORDS_DELETED = "words-deleted"
    DISMISSED = "dismissed"
    REPAIRED = "repaired"


class SkillNeed(Contract):
    """A skill that the work asks for, at this level or above (1-10)."""

    skill: str = Field(description="The id of the skill.")
    level: int = Field(default=1, ge=1, le=10, description="The lowest level that is enough.")


class WorkFacts(Contract):
    """A work item after the change."""

    work_item_id: UUID = Field(description="The id of the work item.")
    case_id: UUID = Field(description="The case whose work it is.")
    case_reference: str = Field(description="What people call the case, e.g. `C-1042`.")
    customer_id: UUID = Field(description="The customer of the case.")
    channel: str = Field(description="The channel on which the customer spoke.")
    state: Annotated[str, known(WorkState)]
    queue: str = Field(description="The queue in which it waits, or from which it was given out.")
    priority: int = Field(description="Higher first, among work that is due at the same time.")
    skills: list[SkillNeed] = Field(default=[], description="The skills that an agent must have for it.")
    queued_at: Instant = Field(description="When the customer began to wait; a requeue keeps it.")
    due_at: Instant | None = Field(
        default=None, description="When its nearest running SLA clock is due; null when none runs."
    )
    agent_id: str | None = Field(default=None, description="The agent to whom it is offered, or who has it.")
    attempts: int = Field(default=0, description="Offers made so far.")
    labels: list[str] = Field(default=[], description="What the rules that took part say about it.")
    step: int = Field(default=0, description="How many steps of its queue it has passed while it waited.")
    also_queues: list[str] = Field(default=[], description="Whose members are asked, besides its queue's.")
    revision: int | None = Field(
        default=None,
        description="Grows with every change of the work of the case, also from one work item to the next: an older one is history.",
    )


class Decision(Contract):
    """Why work went where it went."""

    decision_id: UUID = Field(description="The id under which routing keeps the decision with its facts.")
    rule: str = Field(description="The name of the rule that decided.")
    configuration_version: int = Field(description="The version of the configuration that decided.")
    reason: str = Field(description="The rule's reason, as operations wrote it.")


class WorkEvent(Event):
    """A fact about one work item."""

    topic: ClassVar[str] = "work"

    work: WorkFacts = Field(description="The work item after the change.")

    @property
    @override
    def key(self) -> str:
        return str(self.work.case_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.work.work_item_id)


class WorkQueued(WorkEvent):
    """A rule put the work into a queue."""

    type: ClassVar[str] = "work.queued.v1"

    decision: Decision = Field(description="Why it is in that queue.")


class Offer(Contract):
    """A reservation of one work item for one agent."""

    offer_id: UUID = Field(description="The id of the offer.")
    agent_id: str = Field(description="The agent to whom the work is offered.")
    agent_name: str = Field(description="What that agent is called.")
    expires_at: Instant


class WorkOffered(WorkEvent):
    """The work is reserved for an agent until the offer expires."""

    type: ClassVar[str] = "work.offered.v1"

    offer: Offer = Field(description="The offer.")


class WorkAccepted(WorkEvent):
    """The agent took the work."""

    type: ClassVar[str] = "work.accepted.v1"

    offer: Offer = Field(description="The offer that the agent accepted.")


class WorkDeclined(WorkEvent):
    """The agent declined the offer."""

    type: ClassVar[str] = "work.declined.v1"

    offer: Offer = Field(description="The offer that the agent declined.")
    reason: str | None = Field(default=None, description="The agent's reason, if they gave one.")


class WorkOfferTimedOut(WorkEvent):
    """The agent did not answer the offer in time."""

    type: ClassVar[str] = "work.offer-timed-out.v1"

    offer: Offer = Field(description="The offer that expired.")


class WorkRequeued(WorkEvent):
    """The work went back to its place in the queue."""

    type: ClassVar[str] = "work.requeued.v1"

    reason: str = Field(description="Why, for people to read.")
    previous_agent_id: str | None = Field(
        default=None, description="The agent who had it or to whom it was offered."
    )


class WorkTransferred(WorkEvent):
    """The work was handed to another queue or agent."""

    type: ClassVar[str] = "work.transferred.v1"

    by: Actor = Field(description="Who moved it.")
    from_queue: str = Field(description="The queue in which it was before.")
    note: str | None = Field(default=None, description="What they want the next agent to know.")


class WorkReconciled(WorkEvent):
    """The reconciliation found wrong work and repaired it: this is the work after the repair.

    Work that was requeued, moved or completed for that has the event of that too. Work that was queued anew has only this one.
    """

    type: ClassVar[str] = "work.reconciled.v1"

    finding: str = Field(
        description="What was wrong, e.g. `no-work`: an answer was awaited and nobody was to give it."
    )
    detail: str = Field(description="What was wrong, for people to read.")
    repair: str = Field(description="What was done.")


class WorkEscalated(WorkEvent):
    """The work waited so long, or was refused by so many, that a step of its queue was taken."""

    type: ClassVar[str] = "work.escalated.v1"

    step: int = Field(ge=1, description="The number of the step, from 1.")
    what: str = Field(description="What the step does, in words.")


class WorkHeld(WorkEvent):
    """The work came into a queue that gives nothing out now: it is closed, outside its hours, or paused.

    Where it carries words for the customer, case-mgmt has them sent (`reply.requested` with `automation`), once for an opening.
    """

    type: ClassVar[str] = "work.held.v1"

    reason: str = Field(description="Why the queue gives nothing out, for people to read.")
    opens_at: Instant | None = Field(default=None, description="When its hours begin again.")
    acknowledge: str | None = Field(
        default=None,
        description="What is said to the customer at once, as the organisation wrote it; case-mgmt has it sent, or records why not.",
    )
    meant_for: str | None = Field(
        default=None, description="The name of the queue that is closed and whose words these are."
    )


class WorkReprioritised(WorkEvent):
    """A person made the work more or less urgent."""

    type: ClassVar[str] = "work.reprioritised.v1"

    by: Actor = Field(description="Who changed the priority.")
    previous: int = Field(description="The priority before.")
    reason: str | None = Field(default=None, description="Why, if they gave a reason.")


class WorkRedecided(WorkEvent):
    """The customer said more while the work was open, and the rules, asked about all that is unanswered, changed it.

    The priority only rises. Work that an agent has accepted stays with them; other work moves to another queue where a
    rule of a higher priority says so, or one that moves at any priority (`moves`).
    """

    type: ClassVar[str] = "work.redecided.v1"

    decision: Decision = Field(description="Why it is where it is now.")
    from_queue: str = Field(description="Where it was; the same queue as now when it did not move.")
    previous_priority: int = Field(description="The priority before.")
    previous_due_at: Instant | None = Field(
        default=None, description="When its nearest SLA clock was due before; null when none ran."
    )
    previous_skills: list[SkillNeed] | None = Field(
        default=None, description="The skills that an agent had to have for it before."
    )
    previous_labels: list[str] | None = Field(default=None, description="What rules said about it before.")


class WorkCompleted(WorkEvent):
    """Nothing more is to be done for now."""

    type: ClassVar[str] = "work.completed.v1"

    by: Actor = Field(description="Who completed it.")
    reason: str = Field(description="Why nothing more is to be done, for people to read.")
    because: Annotated[str, known(CompletedBecause)] | None = Field(
        default=None, description="What ended it, for programs."
    )


class Clock(Contract):
    """An SLA clock on a work item."""

    clock_id: UUID = Field(description="The id of the clock.")
    target: Annotated[str, known(SlaTarget)]
    policy: str = Field(description="The SLA policy that promises the target.")
    calendar: str = Field(description="The business calendar whose open time counts.")
    started_at: Instant
    due_at: Instant = Field(description="While it is paused: when it would be due if it had gone on.")
    configuration_version: int | None = Field(
        default=None, description="Of the configuration by which policy and calendar were read."
    )
    paused_since: Instant | None = Field(
        default=None, description="Since when the clock is paused; null while it runs."
    )
    breached_at: Instant | None = Field(
        default=None, description="When the target was missed; null when it was not."
    )


class SlaStarted(WorkEvent):
    """A clock began to run."""

    type: ClassVar[str] = "sla.started.v1"

    clock: Clock = Field(description="The clock.")


class SlaPaused(WorkEvent):
    """The clock stands still, e.g. while the customer is awaited."""

    type: ClassVar[str] = "sla.paused.v1"

    clock: Clock = Field(description="The clock.")
    paused_at: Instant
    cause: str = Field(description="Why, for people to read.")


class SlaResumed(WorkEvent):
    """The clock goes on: it is due later by as much as it stood still."""

    type: ClassVar[str] = "sla.resumed.v1"

    clock: Clock = Field(description="The clock.")
    resumed_at: Instant
    previous_due_at: Instant
    cause: str = Field(description="Why, for people to read.")


class SlaRecomputed(WorkEvent):
    """The policy, priority, calendar or targets changed: the due time is computed again from the start, without the pauses."""

    type: ClassVar[str] = "sla.recomputed.v1"

    clock: Clock = Field(description="The clock.")
    recomputed_at: Instant
    previous_due_at: Instant
    cause: str = Field(description="Why, for people to read.")


class SlaWarned(WorkEvent):
    """A set part of the time has passed."""

    type: ClassVar[str] = "sla.warned.v1"

    clock: Clock = Field(description="The clock.")
    warned_at: Instant
    percent: int = Field(description="Of the time that was promised.")


class SlaMet(WorkEvent):
    """The target was met: a person's answer went out, or the case was resolved. `late`: after the clock ran out."""

    type: ClassVar[str] = "sla.met.v1"

    clock: Clock = Field(description="The clock.")
    met_at: Instant
    late: bool = Field(default=False, description="Whether the target was met only after it was due.")


class SlaBreached(WorkEvent):
    """The clock ran out."""

    type: ClassVar[str] = "sla.breached.v1"

    clock: Clock = Field(description="The clock.")
    breached_at: Instant


class SlaCancelled(WorkEvent):
    """The clock stopped without an answer: a person resolved or closed the case, or no words await an answer any more."""

    type: ClassVar[str] = "sla.cancelled.v1"

    clock: Clock = Field(description="The clock.")
    cancelled_at: Instant
    reason: str = Field(description="Why, for people to read.")
