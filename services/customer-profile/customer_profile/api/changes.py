"""Live changes of customers and timelines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from antiphon.http.changes import EVERYTHING, EventStream, Interest
from customer_profile.api.parameters import Api, LastEventId, Reader

_EXAMPLE = """event: timeline
id: 748-12
data: {"subject":"0192f0c4-7a00-7000-8000-000000000001","interaction_id":"8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11"}

"""
_STREAM = {"content": {EventStream.media_type: {"example": _EXAMPLE}}}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.get("/changes", tags=["live"], response_class=EventStream, responses={200: _STREAM})
    async def follow_changes(
        who: Reader,
        customer_id: Annotated[
            list[UUID] | None,
            Query(
                max_length=50,
                description="Only changes of this customer; may be given 50 times. Without it, of all customers.",
            ),
        ] = None,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        """Server-sent events `customer` and `timeline`, each with the customer's id as `subject`.

        `customer`: a person changed the record. `timeline`: an interaction is new, edited or deleted. After `reset`, read
        again what you show: the stream no longer has the events that you missed.
        """
        del who
        interest = (
            Interest(frozenset(f"customer:{one}" for one in customer_id)) if customer_id else EVERYTHING
        )
        return EventStream(at.feed.stream(last_event_id, interest))
