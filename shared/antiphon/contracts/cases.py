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


class CaseOpened(CaseEvent):
    """An interaction opened a case."""

    type: ClassVar[str] = "case.opened.v1"

    interaction: InteractionFacts


class CaseInteractionAdded(CaseEvent):
    """An interaction joined a case that was there."""

    type: ClassVar[str] = "case.interaction-added.v1"

    interaction: InteractionFacts
    threaded_by: Annotated[str, known(ThreadedBy)]


class CaseInteractionEdited(CaseEvent):
    """The customer changed words that are on the case."""

    type: ClassVar[str] = "case.interaction-edited.v1"

    interaction: InteractionFacts


class CaseInteractionDeleted(CaseEvent):
    """The customer took back words that are on the case."""

    type: ClassVar[str] = "case.interaction-deleted.v1"

    interaction_id: UUID


class CaseStatusChanged(CaseEvent):
    """The case moved from one status to another."""

    type: ClassVar[str] = "case.status-changed.v1"

    previous: Annotated[str, known(CaseStatus)]
    by: Actor
    reason: str
