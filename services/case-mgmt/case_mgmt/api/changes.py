"""Live changes of cases, as server-sent events."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query

from antiphon.http.changes import EventStream, Interest
from case_mgmt.api.parameters import Api, QueueName, Reader, example

_EXAMPLE = """\
event: case
id: 81245-7310
data: {"subject":"0192f0c4-7a00-7000-8000-000000000005","reference":"C-1001","status":"open","revision":7,\
"department":"planning","changed_at":"2026-11-24T09:00:00Z","awaiting_answer_since":"2026-11-24T09:00:00Z",\
"interactions":2,"replies":1,"agent_id":"elena","agent_name":"Elena Marino","queue":"planning",\
"work_state":"accepted","due_at":"2026-11-24T17:00:00Z","breached":[]}

"""


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
        case_id: Annotated[UUID | None, Query(description="Only changes of this case.")] = None,
        queue: QueueName = None,
        last_event_id: Annotated[
            str | None,
            Header(
                max_length=100,
                description="The id of the last event that the reader has; absent for a new stream.",
            ),
        ] = None,
        *,
        mine: Annotated[bool, Query(description="Only cases whose work the caller has.")] = False,
    ) -> EventStream:
        """Streams changes of cases as server-sent events.

        An event `case` names a case that changed, with the fields of it and of the copy of its work that change, as `GET /cases`
        shows them. It also reaches the queue and the agent that the work leaves. The stream resumes after `Last-Event-ID`. An event `reset` asks the
        reader to fetch anew what it shows, because the changes since that id are no longer stored.
        """
        wanted = [f"case:{case_id}"] if case_id else []
        wanted += [f"queue:{queue}"] if queue else []
        wanted += [f"agent:{who.subject}"] if mine else []
        return EventStream(at.feed.stream(last_event_id, Interest(every=frozenset(wanted))))

    _ = follow_changes
