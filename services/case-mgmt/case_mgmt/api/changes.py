"""Live changes of cases, as server-sent events."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query

from antiphon.http.changes import EVERYTHING, EventStream, Interest
from case_mgmt.api.parameters import Api, QueueId, Reader, example

_EXAMPLE = """\
event: case
id: 81245-7310
data: {"subject":"0192f0c4-7a00-7000-8000-000000000005","reference":"C-1001","status":"open","revision":7,\
"department":"planning","changed_at":"2026-11-24T09:00:00Z","awaiting_answer_since":"2026-11-24T09:00:00Z",\
"interactions":2,"replies":1,"agent_id":"elena","agent_name":"Elena Marino","queue":"planning",\
"work_state":"accepted","due_at":"2026-11-24T17:00:00Z","breached":[]}

"""


def concerning(case_ids: Collection[UUID], queues: Collection[str], agent_id: str | None) -> Interest:
    """What concerns any of these cases, queues and this agent; everything where none is named."""
    wanted = {f"case:{one}" for one in case_ids} | {f"queue:{one}" for one in queues}
    wanted |= {f"agent:{agent_id}"} if agent_id is not None else set()
    return Interest(frozenset(wanted)) if wanted else EVERYTHING


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/changes",
        tags=["changes"],
        response_class=EventStream,
        responses=example(_EXAMPLE, "text/event-stream"),
    )
    async def follow_changes(
        who: Reader,
        case_id: Annotated[
            list[UUID] | None,
            Query(max_length=50, description="Changes of this case; may be given 50 times."),
        ] = None,
        queue: Annotated[
            list[QueueId] | None,
            Query(
                max_length=50,
                description="Changes of cases whose work is in this queue; may be given 50 times.",
            ),
        ] = None,
        last_event_id: Annotated[
            str | None,
            Header(
                max_length=100,
                description="The id of the last event that the reader has; absent for a new stream.",
            ),
        ] = None,
        *,
        mine: Annotated[bool, Query(description="Changes of cases whose work the caller has.")] = False,
    ) -> EventStream:
        """Streams changes of cases as server-sent events: those that any of the parameters asks for; without one, all.

        An event `case` names a case that changed, with the fields of it and of the copy of its work that change, as `GET /cases`
        shows them. It also reaches the queue and the agent that the work leaves. An event `here` has the `people` who are on a
        case now, as `GET /cases/{case_id}/here` has them. The stream resumes after `Last-Event-ID`. An event `reset` asks the
        reader to fetch anew what it shows, because the changes since that id are no longer stored.
        """
        wanted = concerning(case_id or [], queue or [], who.subject if mine else None)
        return EventStream(at.feed.stream(last_event_id, wanted))

    _ = follow_changes
