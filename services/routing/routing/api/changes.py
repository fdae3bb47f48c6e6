"""Live changes, for the desktops of agents and supervisors."""

from typing import Annotated

from fastapi import APIRouter, Header

from antiphon.access.roles import Identity
from antiphon.http.changes import EVERYTHING, EventStream, Interest
from antiphon.organisation.agent import Agent
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
            "event: work\nid: 7421-118\n"
            'data: {"subject": "4b0c1f6e-52a4-4c86-9a51-0f3f8b1d9c11", "case_reference": "C-1042", '
            '"channel": "email", "state": "queued", "queue": "planning", "also_queues": [], "priority": 50, '
            '"due_at": "2026-11-24T17:00:00Z", "agent_id": null, "attempts": 0, "skills": {"planning": 3}, '
            '"prefer_skills": {}, "labels": [], "step": 0, "queued_at": "2026-11-24T09:00:00Z", '
            '"changed_at": "2026-11-24T09:00:00Z", "completed_at": null, '
            '"case_id": "0192f0c4-7a00-7000-8000-000000000005"}\n\n'
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
        """Server-sent events of kinds `offer`, `offer-ended`, `work`, `presence`, `availability`, `queue-state` and alarms.

        `offer` comes again, with its new `expires_at`, when the agent extends it. `offer-ended` has its `result`, and
        `auto_accepted` when nobody had to answer. The alarms are `agent-unavailable`, `sla-warned`, `sla-breached` and `priority-raised`.

        An agent receives their own offers and the work of their queues; others receive everything. `work` has the fields of
        the work item that change, as `GET /work` shows them, and `subject` is its id. It also reaches the queues and the
        agent that the work leaves, so that a list can be kept up to date without reading it again.
        """
        return EventStream(at.feed.stream(last_event_id, await _interest(at, caller)))


async def _interest(at: Api, caller: Identity) -> Interest:
    if sees_all(caller):
        return EVERYTHING
    async with at.engine.connect() as connection:
        return concerning(await at.agent(connection, caller))


def concerning(agent: Agent) -> Interest:
    """The changes that concern an agent: their own offers and work, and the work of their queues."""
    return Interest(frozenset({f"agent:{agent.id}", *(f"queue:{queue}" for queue in agent.queues)}))
