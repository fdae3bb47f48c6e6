"""Live changes, for the desktops of agents and supervisors."""

from typing import Annotated

from fastapi import APIRouter, Header

from antiphon.access.roles import Identity
from antiphon.http.changes import EVERYTHING, EventStream, Interest
from routing.api.parameters import Api, Reader, sees_all


def stream_example(events: str) -> dict[int | str, dict[str, object]]:
    """The `responses` of a stream of server-sent events, with an example."""
    return {200: {"content": {EventStream.media_type: {"example": events}}}}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/changes",
        tags=["live"],
        response_class=EventStream,
        responses=stream_example(
            "event: offer\nid: 7421-118\n"
            'data: {"subject": "4b0c1f6e-52a4-4c86-9a51-0f3f8b1d9c11", "case_reference": "C-1042"}\n\n'
        ),
    )
    async def follow_changes(
        caller: Reader,
        last_event_id: Annotated[
            str | None,
            Header(
                max_length=100, description="The id of the last event that was received, to go on after it."
            ),
        ] = None,
    ) -> EventStream:
        """Server-sent events `offer`, `offer-ended`, `work`, `presence`, `queue-state`, `agent-unavailable`, `sla-warned`, `sla-breached`, `priority-raised`.

        An agent receives their own offers and the work of their queues; others receive everything.
        """
        return EventStream(at.feed.stream(last_event_id, await _interest(at, caller)))


async def _interest(at: Api, caller: Identity) -> Interest:
    if sees_all(caller):
        return EVERYTHING
    async with at.engine.connect() as connection:
        agent = await at.agent(connection, caller)
    return Interest(frozenset({f"agent:{agent.id}", *(f"queue:{queue}" for queue in agent.queues)}))
