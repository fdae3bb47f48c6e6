"""Replies: as an agent writes them, as a channel is asked to send them, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Automation, Identifier, Interaction
from antiphon.contracts.replies import ReplyRequested
from case_mgmt.domain.cases import Case


class ReplyState(StrEnum):
    """Whether a reply was sent."""

    REQUESTED = "requested"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class ReplyDraft:
    """A reply as an agent writes it.

    `answers` is the interaction that it answers; None: the newest of a person. `status` is the status of the case
    afterwards. `confirm_recipient` is the recipient's address as the agent repeats it.
    """

    text: str
    answers: UUID | None = None
    status: str = "pending"
    confirm_recipient: str | None = None


@dataclass(frozen=True)
class Reply:
    """A reply, and what became of it. The fields are the columns of its row.

    Its author uses an idempotency key for one reply only.
    """

    reply_id: UUID
    case_id: UUID
    answers: UUID
    author_id: str
    idempotency_key: str
    requested: ReplyRequested
    state: ReplyState
    awaited_since: datetime | None
    requested_at: datetime
    finished_at: datetime | None = None
    native_ids: Sequence[str] = ()
    reason: str | None = None

    @property
    def is_automatic(self) -> bool:
        """Whether the text is an acknowledgement. It answers nothing: its outcome does not change what awaits an answer."""
        return self.requested.automation != Automation.NONE


@dataclass(frozen=True)
class ReplyOutcome:
    """What became of a reply. The fields are columns of its row."""

    reply_id: UUID
    state: ReplyState
    finished_at: datetime
    native_ids: Sequence[str]
    reason: str | None


@dataclass(frozen=True)
class FailedReply:
    """A reply that failed, and since when the words that it answered await an answer."""

    reply_id: UUID
    case_id: UUID
    awaited_since: datetime


def request(
    case: Case,
    answers: Interaction,
    recipient: Identifier | None,
    *,
    reply_id: UUID,
    text: str,
    author: Actor,
    case_token: str,
    now: datetime,
    case_revision: int | None = None,
    automation: Automation = Automation.NONE,
    occasion: str | None = None,
) -> ReplyRequested:
    """The event that asks the channel of `answers` to send `text` to `recipient`."""
    return ReplyRequested(
        reply_id=reply_id,
        case_id=case.case_id,
        channel=answers.channel,
        network=answers.network,
        case_reference=case.reference,
        customer_id=case.customer_id,
        answers=answers.interaction_id,
        recipient=recipient,
        account=answers.account,
        visibility=answers.visibility,
        # An acknowledgement carries nothing that a stranger wrote.
        subject_line=answers.content.subject if automation is Automation.NONE else None,
        text=text,
        author=author,
        case_token=case_token,
        requested_at=now,
        case_revision=case_revision,
        automation=automation,
        occasion=occasion,
    )


def requested_reply(event: ReplyRequested, case: Case, *, key: str) -> Reply:
    """The reply that `event` asks for, with its author's idempotency key."""
    return Reply(
        reply_id=event.reply_id,
        case_id=event.case_id,
        answers=event.answers,
        author_id=event.author.id,
        idempotency_key=key,
        requested=event,
        state=ReplyState.REQUESTED,
        awaited_since=case.awaiting_answer_since,
        requested_at=event.requested_at,
    )
