"""Topic `cases`: what became of a case, each time with the facts that routing rules may ask about."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Actor, Contract, Event, Instant, known
from antiphon.contracts.identified import CustomerFacts, Tone
from antiphon.contracts.interactions import Automation, Channel, Visibility


class CaseStatus(StrEnum):
    """Where a case stands. `pending`: the customer is awaited."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class ThreadedBy(StrEnum):
    """How the case of an interaction was found."""

    CASE_TOKEN = "case-token"  # noqa: S105 - not a credential
    REFERENCE = "reference"
    OPEN_CASE = "open-case"
    NEW_CASE = "new-case"


class StatusTrigger(StrEnum):
    """What moved a case from one status to another. The reason beside it is for people."""

    CUSTOMER_SPOKE = "customer-spoke"
    WORK_ACCEPTED = "work-accepted"
    REPLY_REQUESTED = "reply-requested"
    REPLY_FAILED = "reply-failed"
    SET_BY_PERSON = "set-by-person"


class InteractionFacts(Contract):
    """An interaction as routing rules may ask about it."""

    interaction_id: UUID
    channel: Annotated[str, known(Channel)]
    network: str | None = None
    account: str
    visibility: Annotated[str, known(Visibility)]
    speaker: str = Field(description="The speaker's address, `kind:value`.")
    speaker_name: str | None = None
    followers: int | None = None
    subject: str | None = None
    text: str
    language: str | None = None
    topics: list[str] = []
    department: str | None = None
    tone: Annotated[str, known(Tone)] = Tone.NEUTRAL
    automation: Annotated[str, known(Automation)] = Automation.NONE
    attachments: int = 0
    occurred_at: Instant
    accepted_at: Instant


class CaseFacts(Contract):
    """A case as it stands after the fact."""

    case_id: UUID
    reference: str = Field(description="What people call it, e.g. `C-1042`.")
    status: Annotated[str, known(CaseStatus)]
    subject: str | None = None
    department: str | None = None
    customer: CustomerFacts
    opened_at: Instant
    interactions: int
    replies: int
    reopened: int = Field(default=0, description="How often a late reply reopened it.")
    awaiting_answer_since: Instant | None = Field(
        default=None,
        description="`accepted_at` of the oldest interaction of a person that nobody has answered; null when all are.",
    )
    related_case_id: UUID | None = Field(
        default=None,
        description="The case that the message referred to but that belongs to another customer.",
    )
    revision: int = Field(description="Grows with every change of the case: an older one is history.")
    asked_revision: int | None = Field(
        default=None,
        description="The revision at which somebody was last asked to answer: by the customer's words, by an answer that "
        "failed, or by a person who opened the case.",
    )


class CaseEvent(Event):
    """A fact about one case."""

    topic: ClassVar[str] = "cases"

    case: CaseFacts

    @property
    @override
    def key(self) -> str:
        return str(self.case.case_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.case.case_id)


Unanswered = Annotated[
    list[InteractionFacts],
    Field(
        description="What else the customer said and nobody has answered, oldest first, without `interaction`: the newest "
        "50, of 100,000 bytes of text together.",
    ),
]


class CaseOpened(CaseEvent):
    """An interaction opened a case."""

    type: ClassVar[str] = "case.opened.v1"

    interaction: InteractionFacts


class CaseInteractionAdded(CaseEvent):
    """An interaction joined a case that was there."""

    type: ClassVar[str] = "case.interaction-added.v1"

    interaction: InteractionFacts
    threaded_by: Annotated[str, known(ThreadedBy)]
    unanswered: Unanswered = []


class CaseInteractionEdited(CaseEvent):
    """The customer changed words that are on the case."""

    type: ClassVar[str] = "case.interaction-edited.v1"

    interaction: InteractionFacts
    unanswered: Unanswered = []


class CaseInteractionDeleted(CaseEvent):
    """The customer took back words that are on the case."""

    type: ClassVar[str] = "case.interaction-deleted.v1"

    interaction_id: UUID


class CaseStatusChanged(CaseEvent):
    """The case moved from one status to another."""

    type: ClassVar[str] = "case.status-changed.v1"

    previous: Annotated[str, known(CaseStatus)]
    by: Actor
    trigger: Annotated[str, known(StatusTrigger)] | None = None
    reason: str = Field(description="In a person's words, or in ours: for people to read.")
    unanswered: Unanswered = []
