"""A reply as it is asked for, and as it is kept."""

from datetime import datetime
from uuid import UUID

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Automation, Identifier, Interaction
from antiphon.contracts.replies import ReplyRequested
from case_mgmt.domain.case import Case
from case_mgmt.domain.record import Reply, ReplyState


def asked(
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
    """The request to send `text` to `recipient` by the channel of `answers`."""
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
        # Words that nobody wrote for it carry nothing that a stranger wrote.
        subject_line=answers.content.subject if automation is Automation.NONE else None,
        text=text,
        author=author,
        case_token=case_token,
        requested_at=now,
        case_revision=case_revision,
        automation=automation,
        occasion=occasion,
    )


def kept(request: ReplyRequested, case: Case, *, key: str, digest: str) -> Reply:
    """What is kept of it: `key` and `digest` (SHA-256) tell a repeat by the same author from another reply."""
    return Reply(
        reply_id=request.reply_id,
        case_id=request.case_id,
        answers=request.answers,
        author_id=request.author.id,
        idempotency_key=key,
        body_sha256=digest,
        requested=request,
        state=ReplyState.REQUESTED,
        awaited_since=case.awaiting_answer_since,
        requested_at=request.requested_at,
    )
