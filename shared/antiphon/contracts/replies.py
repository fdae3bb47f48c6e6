"""Topic `replies`: an answer was asked for, left through its channel, or could not."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Actor, Event, Instant, known
from antiphon.contracts.interactions import Automation, Channel, Identifier, Visibility


class ReplyEvent(Event):
    """A fact about one reply to one interaction on one case."""

    topic: ClassVar[str] = "replies"

    reply_id: UUID = Field(description="The id of the reply: its request, sending and failure have the same.")
    case_id: UUID = Field(description="The case on which it answers.")
    channel: Annotated[str, known(Channel)]
    network: str | None = Field(default=None, description="The social network or partner, e.g. `bluesky`.")
    case_revision: int | None = Field(
        default=None,
        description="Of the case once the answer was written: it answers all that was said before.",
    )

    @property
    @override
    def key(self) -> str:
        return str(self.case_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.reply_id)


class ReplyRequested(ReplyEvent):
    """A person answered, or a closed queue's acknowledgement is due; the channel's ingest service sends it."""

    type: ClassVar[str] = "reply.requested.v1"

    case_reference: str = Field(description="What people call the case, e.g. `C-1042`.")
    customer_id: UUID = Field(description="The customer who is answered.")
    answers: UUID = Field(description="The interaction that is answered.")
    recipient: Identifier | None = Field(
        default=None,
        description="The one to whom it goes; it is sent to nobody else. Null: the client that brought the interaction in "
        "hands it over, or the request is older than this field.",
    )
    account: str = Field(description="Which of our addresses or accounts speaks.")
    visibility: Annotated[str, known(Visibility)]
    subject_line: str | None = Field(
        default=None, description="The subject of a mail; null on other channels."
    )
    text: str = Field(description="The answer, as plain text.")
    author: Actor = Field(description="Who wrote it.")
    case_token: str = Field(description="Signed; goes into the address that the customer answers to.")
    requested_at: Instant
    automation: Annotated[str, known(Automation)] = Field(
        default=Automation.NONE,
        description="`auto-reply`: an acknowledgement, which nobody wrote for this case: it answers nothing, and the case still awaits an answer.",
    )
    occasion: str | None = Field(
        default=None, description="What an acknowledgement is for, e.g. the name of the queue that is closed."
    )


class ReplySent(ReplyEvent):
    """The channel took the answer."""

    type: ClassVar[str] = "reply.sent.v1"

    native_ids: list[str] = Field(
        description="The channel's ids of what was sent: one, or a thread in order."
    )
    author: Actor = Field(description="Who wrote it.")
    link: str | None = Field(default=None, description="Where people can see it.")
    sent_at: Instant


class FailureOutcome(StrEnum):
    """What is known about an answer that could not be sent."""

    REFUSED = "refused"
    GAVE_UP = "gave-up"
    UNKNOWN = "unknown"


class ReplyFailed(ReplyEvent):
    """The answer did not reach the customer, or nobody can know: a person decides what next."""

    type: ClassVar[str] = "reply.failed.v1"

    outcome: Annotated[str, known(FailureOutcome)]
    reason: str = Field(description="Why, for people to read.")
    attempts: int = Field(description="How many times it was tried.")
    failed_at: Instant
