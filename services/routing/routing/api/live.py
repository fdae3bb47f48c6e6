"""The live state of queues and agents, for wallboards."""

from fastapi import APIRouter

from antiphon.http.changes import EventStream
from routing.api.changes import stream_example
from routing.api.parameters import Api, Overseer
from routing.queues.live import LiveState


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/live", tags=["live"])
    async def get_live_state(_caller: Overseer) -> LiveState:
        """Queues and agents as they are now; at most a second old."""
        return await at.live.now()

    @routes.get(
        "/live/changes",
        tags=["live"],
        response_class=EventStream,
        responses=stream_example(
            'event: live\ndata: {"at": "2026-12-01T09:30:00Z", "queues": [], "agents": [], "labels": []}\n\n'
        ),
    )
    async def follow_live_state(_caller: Overseer) -> EventStream:
        """Server-sent events `live`: the answer of `GET /live` at once, and again each time it changes."""
        return EventStream(at.live.stream())
