"""Replies to customers."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from antiphon.contracts.base import Actor
from antiphon.contracts.interactions import Identifier
from antiphon.http import preconditions
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import IdempotencyKey, OnceTx
from antiphon.http.problems import problems
from case_mgmt import replies
from case_mgmt.api import examples
from case_mgmt.api.parameters import Api, CaseId, IfMatch, Reader, Writer
from case_mgmt.domain.replies import Reply, ReplyDraft, ReplyState


class NewReply(Body):
    """A reply to the customer, sent through the channel of the interaction that it answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "Dear Jo, the Valuer General set new land values this July.",
                    "answers": examples.INTERACTION_ID,
                    "status": "pending",
                }
            ]
        }
    )

    text: Annotated[Words, StringConstraints(min_length=1, max_length=50_000, strip_whitespace=True)] = Field(
        description="The text of the reply, without markup."
    )
    answers: UUID | None = Field(
        default=None,
        description="The interaction of this case that the reply answers; by default the newest of a person.",
    )
    status: Literal["pending", "open", "resolved"] = Field(
        default="pending", description="The status of the case after the reply."
    )
    confirm_recipient: Annotated[Words, StringConstraints(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="Required when the recipient is not an address of the case's customer: `recipient.value`, exactly as "
        "the interaction and the 409 show it.",
    )

    def draft(self) -> ReplyDraft:
        """The reply as the service handles it."""
        return ReplyDraft(self.text, self.answers, self.status, self.confirm_recipient)


class ReplyView(BaseModel):
    """A reply and what became of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REPLY]})

    reply_id: UUID = Field(description="The id of the reply.")
    case_id: UUID = Field(description="The case that the reply is on.")
    answers: UUID = Field(description="The interaction that the reply answers.")
    channel: str = Field(description="The channel that sends the reply.")
    recipient: Identifier | None = Field(
        description="To whom the reply goes, and to nobody else; null when a person or system hands it over."
    )
    text: str = Field(description="The text of the reply.")
    author: Actor = Field(description="Who wrote the reply.")
    state: ReplyState = Field(description="Whether the reply was sent.")
    requested_at: datetime = Field(description="When the reply was written.")
    finished_at: datetime | None = Field(
        description="When the reply was sent or failed; null while neither is known."
    )
    reason: str | None = Field(description="Why the reply failed; null otherwise.")
    automation: str = Field(
        description="`none`, or `auto-reply` for an acknowledgement, which nobody wrote for this case."
    )
    occasion: str | None = Field(
        description="The closed queue for which an acknowledgement was sent; null for other replies."
    )


def reply_view(reply: Reply) -> ReplyView:
    """A reply as the API shows it."""
    requested = reply.requested
    return ReplyView(
        reply_id=reply.reply_id,
        case_id=reply.case_id,
        answers=reply.answers,
        channel=requested.channel,
        recipient=requested.recipient,
        text=requested.text,
        author=requested.author,
        state=reply.state,
        requested_at=reply.requested_at,
        finished_at=reply.finished_at,
        reason=reply.reason,
        automation=requested.automation,
        occasion=requested.occasion,
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post(
        "/cases/{case_id}/replies",
        status_code=201,
        tags=["replies"],
        responses=problems(400, 404, 409, 412, 428),
    )
    async def send_reply(
        case_id: CaseId,
        reply: NewReply,
        who: Writer,
        tx: OnceTx,
        key: IdempotencyKey,
        if_match: IfMatch = None,
    ) -> ReplyView:
        """Answers the customer through the channel on which they spoke.

        The reply is stored before this call returns, and is sent afterwards. `GET /replies/{reply_id}` shows what became
        of it.
        """
        requested = await replies.request_reply(
            tx,
            case_id,
            reply.draft(),
            key=key,
            seen=preconditions.seen(if_match),
            who=who,
            secret=at.token_secret,
            now=at.clock(),
        )
        return reply_view(requested)

    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(
        reply_id: Annotated[UUID, Path(description="The id of the reply.")], who: Reader
    ) -> ReplyView:
        """Returns a reply and what became of it."""
        del who
        async with at.engine.connect() as connection:
            return reply_view(await replies.read(connection, reply_id))

    _ = (send_reply, get_reply)
