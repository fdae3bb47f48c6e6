"""Live changes of all services as one stream."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request

from antiphon.http.changes import EventStream
from antiphon.http.problems import problems
from antiphon.service_names import CASE_MGMT, CUSTOMER_PROFILE, ROUTING
from desktop.api.parameters import Api, signed_in
from desktop.api.session import OurHeader
from desktop.store.sessions import Session
from desktop.streams.merged import Merged, Source

_EXAMPLE = """event: routing.work
id: routing=7421-118;case-mgmt=81245-7310
data: {"subject":"4b0c1f6e-52a4-4c86-9a51-0f3f8b1d9c11","state":"queued","queue":"planning"}

"""
_STREAM = {"content": {EventStream.media_type: {"example": _EXAMPLE}}}
_MOST = 50


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.get(
        "/api/changes",
        tags=["live"],
        response_class=EventStream,
        responses={200: _STREAM, **problems(400, 401, 403)},
    )
    async def follow_changes(
        request: Request,
        case_id: Annotated[
            list[UUID], Query(max_length=_MOST, description="Cases whose changes are followed.")
        ] = [],  # noqa: B006 - FastAPI copies it
        customer_id: Annotated[
            list[UUID], Query(max_length=_MOST, description="Customers whose changes are followed.")
        ] = [],  # noqa: B006 - FastAPI copies it
        last_event_id: Annotated[
            str | None,
            Header(
                max_length=400, description="The id of the last event that the page has, to go on after it."
            ),
        ] = None,
        _header: OurHeader = None,
        *,
        live: Annotated[
            bool, Query(description="With the state of queues and agents, as `live.live`.")
        ] = False,
    ) -> EventStream:
        """Server-sent events of routing, case-mgmt and customer-profile, each named `<service>.<kind>`.

        Of cases it has those whose work the person has, and those of `case_id`; of customers those of `customer_id` only. `<service>.begin` is the first event of a service. After `<service>.reset` read again what you show of it.
        `<service>.lost` says that the service is away; its `begin` follows when it is back, and nothing was missed. The
        stream ends with `session.ended`.
        """
        session = await signed_in(at, request)
        return EventStream(_merged(at, session, _sources(case_id, customer_id, live=live), last_event_id))

    _ = follow_changes


def _sources(cases: Sequence[UUID], customers: Sequence[UUID], *, live: bool) -> list[Source]:
    of_cases = [("mine", "true"), *(("case_id", str(one)) for one in cases)]
    sources = [Source(ROUTING, ROUTING, "/changes"), Source(CASE_MGMT, CASE_MGMT, "/changes", of_cases)]
    if customers:
        of_customers = [("customer_id", str(one)) for one in customers]
        sources.append(Source(CUSTOMER_PROFILE, CUSTOMER_PROFILE, "/changes", of_customers))
    if live:
        sources.append(Source("live", ROUTING, "/live/changes"))
    return sources


async def _merged(
    at: Api, session: Session, sources: Sequence[Source], last_event_id: str | None
) -> AsyncGenerator[bytes]:
    with at.streams.follow(session.key) as ended:
        merged = Merged(at.services, sources, partial(at.sessions.token_of, session.key), ended)
        async for chunk in merged.stream(last_event_id):
            yield chunk
