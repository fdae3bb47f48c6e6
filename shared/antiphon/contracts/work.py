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
    """What a service clock measures."""

    FIRST_RESPONSE = "first-response"
    NEXT_RESPONSE = "next-response"
    RESOLUTION = "resolution"


class SkillNeed(Contract):
    """A skill that the work asks for, at this level or above (1-10)."""

    skill: str
    level: int = Field(default=1, ge=1, le=10)


class WorkFacts(Contract):
    """A work item as it stands after the fact."""

    work_item_id: UUID
    case_id: UUID
    case_reference: str
    customer_id: UUID
    channel: str
    state: Annotated[str, known(WorkState)]
    queue: str
    priority: int = Field(description="Higher first, among work that is due at the same time.")
    skills: list[SkillNeed] = []
    queued_at: Instant = Field(description="When the customer began to wait; a requeue keeps it.")
    due_at: Instant | None = None
    agent_id: str | None = None
    attempts: int = Field(default=0, description="Offers made so far.")
    labels: list[str] = Field(default=[], description="What the rules that took part say about it.")
    step: int = Field(default=0, description="How many steps of its queue it has passed while it waited.")
    also_queues: list[str] = Field(default=[], description="Whose members are asked, besides its queue's.")


class Decision(Contract):
    """Why work went where it went."""

    decision_id: UUID
    rule: str
    rule_set_version: int
    reason: str


class WorkEvent(Event):
    """A fact about one work item."""

    topic: ClassVar[str] = "work"

    work: WorkFacts

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

    decision: Decision


class Offer(Contract):
    """A reservation of one work item for one agent."""

    offer_id: UUID
    agent_id: str
    agent_name: str
    expires_at: Instant


class WorkOffered(WorkEvent):
    """The work is reserved for an agent until the offer expires."""

    type: ClassVar[str] = "work.offered.v1"

    offer: Offer


class WorkAccepted(WorkEvent):
    """The agent took the work."""

    type: ClassVar[str] = "work.accepted.v1"

    offer: Offer


class WorkDeclined(WorkEvent):
    """The agent declined the offer."""

    type: ClassVar[str] = "work.declined.v1"

    offer: Offer
    reason: str | None = None


class WorkOfferTimedOut(WorkEvent):
    """The agent did not answer the offer in time."""

    type: ClassVar[str] = "work.offer-timed-out.v1"

    offer: Offer


class WorkRequeued(WorkEvent):
    """The work went back to its place in the queue."""

    type: ClassVar[str] = "work.requeued.v1"

    reason: str
    previous_agent_id: str | None = None


class WorkTransferred(WorkEvent):
    """The work was handed to another queue or agent."""

    type: ClassVar[str] = "work.transferred.v1"

    by: Actor
    from_queue: str
    note: str | None = None


class WorkReconciled(WorkEvent):
    """The reconciliation found work that stood wrong, and repair it: this is the work as it stands since.

    Work that was put back, moved or completed for that has the event of that too; work that was queued anew has this one alone.
    """

    type: ClassVar[str] = "work.reconciled.v1"

    finding: str = Field(
        description="What was wrong, e.g. `no-work`: an answer was awaited and nobody was to give it."
    )
    detail: str
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

    reason: str
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

    by: Actor
    previous: int
    reason: str | None = None


class WorkRedecided(WorkEvent):
    """The customer said more while the work was open, and the rules, asked about all that is unanswered, changed it.

    Priority, skills and labels only rise. Work that an agent has accepted stays with them; other work moves to another
    queue where a rule of a higher priority says so.
    """

    type: ClassVar[str] = "work.redecided.v1"

    decision: Decision
    from_queue: str = Field(description="Where it was; the same queue as now when it did not move.")
    previous_priority: int


class WorkCompleted(WorkEvent):
    """Nothing more is to be done for now."""

    type: ClassVar[str] = "work.completed.v1"

    by: Actor
    reason: str


class Clock(Contract):
    """A service clock on a work item."""

    clock_id: UUID
    target: Annotated[str, known(SlaTarget)]
    policy: str
    calendar: str
    started_at: Instant
    due_at: Instant = Field(description="While it is paused: when it would be due if it had gone on.")
    configuration_version: int | None = Field(
        default=None, description="Of the configuration by which policy and calendar were read."
    )
    paused_since: Instant | None = None
    breached_at: Instant | None = None


class SlaStarted(WorkEvent):
    """A clock began to run."""

    type: ClassVar[str] = "sla.started.v1"

    clock: Clock


class SlaPaused(WorkEvent):
    """The clock stands still, e.g. while the customer is awaited."""

    type: ClassVar[str] = "sla.paused.v1"

    clock: Clock
    paused_at: Instant
    cause: str


class SlaResumed(WorkEvent):
    """The clock goes on: it is due later by as much as it stood still."""

    type: ClassVar[str] = "sla.resumed.v1"

    clock: Clock
    resumed_at: Instant
    previous_due_at: Instant
    cause: str


class SlaRecomputed(WorkEvent):
    """Policy, priority, calendar or targets are others: the due time is counted anew from the start, without the pauses."""

    type: ClassVar[str] = "sla.recomputed.v1"

    clock: Clock
    recomputed_at: Instant
    previous_due_at: Instant
    cause: str


class SlaWarned(WorkEvent):
    """A set part of the time has passed."""

    type: ClassVar[str] = "sla.warned.v1"

    clock: Clock
    warned_at: Instant
    percent: int = Field(description="Of the time that was promised.")


class SlaMet(WorkEvent):
    """What was promised was done: a person's answer went out, or the case was resolved. `late`: after the clock ran out."""

    type: ClassVar[str] = "sla.met.v1"

    clock: Clock
    met_at: Instant
    late: bool = False


class SlaBreached(WorkEvent):
    """The clock ran out."""

    type: ClassVar[str] = "sla.breached.v1"

    clock: Clock
    breached_at: Instant


class SlaCancelled(WorkEvent):
    """The clock stopped without an answer: a person settled the case, or it was nobody's work after all."""

    type: ClassVar[str] = "sla.cancelled.v1"

    clock: Clock
    cancelled_at: Instant
    reason: str
