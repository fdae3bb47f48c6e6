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

    number: int = Field(description="The number of the attempt, from 1.")
    began_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(
        description="When it ended; null while it is under way, or if it was cut off."
    )
    outcome: Ended | None = Field(
        description="How it ended. `later`: it is made again. `unknown`: the other side may have taken the reply."
    )
    detail: str | None = Field(description="What the other side answered.")


class OutgoingReply(BaseModel):
    """The state of a reply, with every attempt to send it."""

    reply_id: UUID = Field(description="The id of the reply.")
    case_id: UUID = Field(description="The case that it belongs to.")
    interaction_id: UUID = Field(description="The interaction that it answers.")
    state: State = Field(
        description="`waiting`: it is still to be sent. `sent`: the channel took it. `failed`: it did not reach the customer."
    )
    reason: str | None = Field(description="Why it failed, or why the attempt before did not succeed.")
    native_ids: list[str] = Field(description="The channel's ids of what was sent.")
    requested_at: datetime = Field(description="When case-mgmt asked for it.")
    next_attempt_at: datetime | None = Field(
        description="When it is attempted next; null when it is sent or failed."
    )
    ended_at: datetime | None = Field(description="When it was sent or failed; null while it waits.")
    attempts: list[AttemptView] = Field(description="The attempts to send it, in order.")


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
