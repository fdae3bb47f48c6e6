"""Replies on their way, as APIs show them."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import store
from antiphon.delivery.attempts import Ended, State


class AttemptView(BaseModel):
    """One attempt to send a reply. It is under way, or was cut off, while `outcome` is null."""

    number: int
    began_at: datetime
    ended_at: datetime | None
    outcome: Ended | None
    detail: str | None = Field(description="What the other side said.")


class OutgoingReply(BaseModel):
    """The state of a reply, with every attempt to send it."""

    reply_id: UUID
    case_id: UUID
    interaction_id: UUID = Field(description="The interaction that it answers.")
    state: State
    reason: str | None = Field(description="Why it failed, or why the attempt before did not succeed.")
    native_ids: list[str] = Field(description="The channel's ids of what was sent.")
    requested_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None
    attempts: list[AttemptView]


async def show(connection: AsyncConnection, reply_id: UUID) -> OutgoingReply | None:
    """A reply; None when it is not one of ours."""
    found = await store.find(connection, reply_id)
    if found is None:
        return None
    row = found.reply
    request = ReplyRequested.model_validate(row.request)
    return OutgoingReply(
        reply_id=row.reply_id,
        case_id=request.case_id,
        interaction_id=request.answers,
        state=row.state,
        reason=row.reason,
        native_ids=row.native_ids,
        requested_at=row.requested_at,
        next_attempt_at=row.next_attempt_at,
        ended_at=row.ended_at,
        attempts=[AttemptView.model_validate(attempt, from_attributes=True) for attempt in found.attempts],
    )
