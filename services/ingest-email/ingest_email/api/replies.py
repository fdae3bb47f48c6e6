"""Replies that leave by mail."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field, JsonValue

from antiphon.delivery import views
from antiphon.delivery.views import OutgoingReply
from antiphon.http.problems import not_found, problems
from ingest_email.api.parameters import READER, Api, ReplyId
from ingest_email.store import replies

_REPLY: dict[str, JsonValue] = {
    "reply_id": "2f9a4c1e-7f0f-4b67-8a35-1b9c6c2f8d11",
    "case_id": "6c1b7a52-0f0a-4c0e-9e0d-3f7f2f5a9c33",
    "interaction_id": "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10",
    "state": "sent",
    "reason": None,
    "native_ids": ["<reply-2f9a4c1e-7f0f-4b67-8a35-1b9c6c2f8d11@banksia.example>"],
    "requested_at": "2026-11-23T09:30:00Z",
    "next_attempt_at": None,
    "ended_at": "2026-11-23T09:30:02Z",
    "attempts": [
        {
            "number": 1,
            "began_at": "2026-11-23T09:30:01Z",
            "ended_at": "2026-11-23T09:30:02Z",
            "outcome": "accepted",
            "detail": "250 2.0.0 queued",
        }
    ],
    "recipient": "jo@mail.example",
}


class ReplyView(OutgoingReply):
    """A reply that leaves by mail, with every attempt to send it."""

    model_config = ConfigDict(json_schema_extra={"example": _REPLY})

    recipient: str | None = Field(
        description="The address that it goes to; null when the reply must not be sent."
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/replies/{reply_id}", tags=["replies"], dependencies=[READER], responses=problems(404))
    async def get_reply(reply_id: ReplyId) -> ReplyView:
        """Shows the state of a reply, with every attempt to send it."""
        async with at.engine.connect() as connection:
            reply = await views.show(connection, reply_id)
            recipient = await replies.find_recipient(connection, reply_id)
        if reply is None:
            raise not_found("reply")
        return ReplyView(**dict(reply), recipient=recipient)
