"""Replies that leave on a network."""

from fastapi import APIRouter

from antiphon.delivery import views
from antiphon.delivery.views import OutgoingReply
from antiphon.http.problems import not_found, problems
from ingest_social.api.parameters import READER, Api, ReplyId, example

_REPLY = {
    "reply_id": "2f9a4c1e-7f0f-4b67-8a35-1b9c6c2f8d11",
    "case_id": "6c1b7a52-0f0a-4c0e-9e0d-3f7f2f5a9c33",
    "interaction_id": "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10",
    "state": "sent",
    "reason": None,
    "native_ids": ["posts/90314"],
    "requested_at": "2026-11-23T09:30:00Z",
    "next_attempt_at": None,
    "ended_at": "2026-11-23T09:30:02Z",
    "attempts": [
        {
            "number": 1,
            "began_at": "2026-11-23T09:30:01Z",
            "ended_at": "2026-11-23T09:30:02Z",
            "outcome": "accepted",
            "detail": None,
        }
    ],
}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/replies/{reply_id}",
        tags=["replies"],
        dependencies=[READER],
        responses=problems(404) | example(_REPLY),
    )
    async def get_reply(reply_id: ReplyId) -> OutgoingReply:
        """Shows the state of a reply, with every attempt to send it."""
        async with at.engine.connect() as connection:
            reply = await views.show(connection, reply_id)
        if reply is None:
            raise not_found("reply")
        return reply
