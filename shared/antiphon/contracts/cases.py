"""Topic `cases`: each change of a case, with the facts that routing rules may ask about."""

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
    WORDS_DELETED = "words-deleted"


class InteractionFacts(Contract):
    """An interaction as routing rules may ask about it."""

    interaction_id: UUID = Field(description="The id of the interaction.")
    channel: Annotated[str, known(Channel)]
    network: str | None = Field(default=None, description="The social network or partner, e.g. `bluesky`.")
    account: str = Field(description="Which of our addresses or accounts the customer wrote to or called.")
    visibility: Annotated[str, known(Visibility)]
    speaker: str = Field(description="The speaker's address, `kind:value`.")
    speaker_name: str | None = Field(default=None, description="How the speaker calls themselves.")
    followers: int | None = Field(
        default=None, description="How many followers the speaker has on the network."
    )
    subject: str | None = Field(default=None, description="The subject line, where the channel has one.")
    text: str = Field(description="What is new in the message, as plain text.")
    language: str | None = Field(default=None, description="BCP 47, when the channel states it.")
    topics: list[str] = Field(
        default=[], description="The topics of the organisation that the words mention."
    )
    department: str | None = Field(
        default=None, description="The department of the first topic that has one."
    )
    tone: Annotated[str, known(Tone)] = Tone.NEUTRAL
    automation: Annotated[str, known(Automation)] = Automation.NONE
    attachments: int = Field(default=0, description="How many files came with it.")
    occurred_at: Instant
    accepted_at: Instant


class CaseFacts(Contract):
    """A case after the change."""

    case_id: UUID = Field(description="The id of the case.")
    reference: str = Field(description="What people call it, e.g. `C-1042`.")
    status: Annotated[str, known(CaseStatus)]
    subject: str | None = Field(
        default=None, description="What the case is about: the subject of its first interaction."
    )
    department: str | None = Field(default=None, description="The department to which the case belongs.")
    customer: CustomerFacts = Field(description="The customer of the case.")
    opened_at: Instant
    interactions: int = Field(description="How many interactions are on the case.")
    replies: int = Field(description="How many answers of people are on the case.")
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
    opened_by_person_at: Instant | None = Field(
        default=None,
        description="Since when a person keeps the case open, who wants work on it also where no answer is awaited. Null when "
        "nobody does: an answer, `pending`, `resolved` and `closed` end it.",
    )
    opened_in_queue: str | None = Field(
        default=None, description="The queue that this person named for the work; null: the rules decide."
    )


class CaseEvent(Event):
    """A fact about one case."""

    topic: ClassVar[str] = "cases"

    case: CaseFacts = Field(description="The case after the change.")

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

    interaction: InteractionFacts = Field(description="The interaction that opened it.")


class CaseInteractionAdded(CaseEvent):
    """An interaction joined a case that was there."""

    type: ClassVar[str] = "case.interaction-added.v1"

    interaction: InteractionFacts = Field(description="The interaction that joined it.")
    threaded_by: Annotated[str, known(ThreadedBy)]
    unanswered: Unanswered = []


class CaseInteractionEdited(CaseEvent):
    """The customer changed words that are on the case."""

    type: ClassVar[str] = "case.interaction-edited.v1"

    interaction: InteractionFacts = Field(description="The interaction with its new words.")
    unanswered: Unanswered = []


class CaseInteractionDeleted(CaseEvent):
    """The customer took back words that are on the case."""

    type: ClassVar[str] = "case.interaction-deleted.v1"

    interaction_id: UUID = Field(description="The interaction that was taken back.")
    unanswered: Unanswered = []


class CaseStatusChanged(CaseEvent):
    """The case moved from one status to another."""

    type: ClassVar[str] = "case.status-changed.v1"

    previous: Annotated[str, known(CaseStatus)]
    by: Actor = Field(description="Who caused it.")
    trigger: Annotated[str, known(StatusTrigger)] | None = Field(default=None, description="What moved it.")
    reason: str = Field(description="Why, in words for people to read. Programs read `trigger`.")
    unanswered: Unanswered = []
    newest: InteractionFacts | None = Field(
        default=None,
        description="What the customer said last, where a person opened a case on which no words await an answer.",
    )
