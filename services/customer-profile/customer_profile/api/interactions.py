"""The timeline: the interactions of one customer on every channel."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from antiphon.http.app import Moment, Words
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from customer_profile import store
from customer_profile.actions import customers
from customer_profile.api.parameters import Api, CustomerId, Reader


class InteractionView(BaseModel):
    """One interaction on a timeline. The words of a deleted one are not shown."""

    model_config = ConfigDict(from_attributes=True)

    interaction_id: UUID = Field(description="The interaction's id, the same in every service.")
    channel: str = Field(description="The way the customer spoke, e.g. `email`.")
    network: str | None = Field(description="The social network or partner; null on other channels.")
    visibility: str = Field(description="Who can read it on the channel: `public` or `private`.")
    subject: str | None = Field(description="Its subject; null without one, and when it is deleted.")
    text: str | None = Field(description="Its newest words; null when it is deleted.")
    topics: list[str] = Field(description="The organisation's topics in it, the strongest first.")
    department: str | None = Field(description="The department that its topics or account belong to.")
    tone: str = Field(description="`positive`, `neutral` or `negative`.")
    automation: str = Field(description="`none` when a person wrote it, else which kind of program.")
    occurred_at: datetime = Field(description="When the customer spoke, by the channel's clock.")
    accepted_at: datetime = Field(description="When the channel's service accepted it.")
    edited_at: datetime | None = Field(description="When its speaker last changed the words; null: never.")
    deleted_at: datetime | None = Field(description="When its speaker deleted it; null: never.")
    case_id: UUID | None = Field(description="The case that it is on; null until case-mgmt has added it.")
    case_reference: str | None = Field(description="That case as people call it, e.g. `C-1042`.")


_EXAMPLE = {
    "interaction_id": "8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
    "channel": "email",
    "network": None,
    "visibility": "private",
    "subject": "Rates notice",
    "text": "Your figure for my land value is wrong.",
    "topics": ["rates-notice"],
    "department": "rates",
    "tone": "neutral",
    "automation": "none",
    "occurred_at": "2026-03-02T09:14:00Z",
    "accepted_at": "2026-03-02T09:14:02Z",
    "edited_at": None,
    "deleted_at": None,
    "case_id": "0192f0c4-7a00-7000-8000-0000000000aa",
    "case_reference": "C-1042",
}
_PAGE = {"content": {"application/json": {"example": {"items": [_EXAMPLE], "next": None}}}}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.get(
        "/customers/{customer_id}/timeline", tags=["customers"], responses={200: _PAGE, **problems(400, 404)}
    )
    async def list_timeline(
        customer_id: CustomerId, who: Reader, cursor: Cursor = None, limit: Limit = 50,
        channel: Annotated[
            Words | None, Query(max_length=50, description="Only interactions on this channel, e.g. `email`.")
        ] = None,
        since: Annotated[
            Moment | None, Query(description="Only interactions from this time on, by `occurred_at`.")
        ] = None,
    ) -> Page[InteractionView]:  # fmt: skip
        """Every interaction of this customer, on every channel, the newest first."""
        del who
        async with at.engine.connect() as connection:
            await customers.get(connection, customer_id)
            rows = await store.interactions.timeline(
                connection, customer_id, channel=channel, since=since, cursor=cursor, limit=limit
            )
        return store.interactions.TIMELINE.page(rows, limit, _view)


def _view(row: AnyRow) -> InteractionView:
    view = InteractionView.model_validate(row)
    return view.model_copy(update={"text": None, "subject": None}) if row.deleted_at else view
