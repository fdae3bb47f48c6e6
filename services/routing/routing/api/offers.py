"""Offers: work that is reserved for an agent, who accepts, declines or extends it before it expires."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.parameters import AgentOnly, Api, OfferId, Reason
from routing.api.work_views import WorkView, work_view
from routing.domain.configuration.document import Configuration
from routing.work import offers


class OfferView(BaseModel):
    """Work that is reserved for an agent until the offer expires."""

    offer_id: UUID = Field(description="The offer's id.")
    offered_at: datetime = Field(description="When the work was offered.")
    expires_at: datetime = Field(
        description="When the offer ends without an answer, and the work goes to others."
    )
    may_decline: bool = Field(description="Whether the queue of the work lets the agent decline.")
    may_extend: bool = Field(description="Whether the agent may extend the offer now.")
    extensions_left: int = Field(
        description="How often the agent may still extend the offer; 0 where its queue does not let them.",
        examples=[10],
    )
    note: str | None = Field(
        description="What the person who handed the work on wants its next agent to know; null without a note.",
        examples=["She calls again on Friday"],
    )
    work: WorkView = Field(description="The work that is offered.")


class Decline(Body):
    """Why the agent declines."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "I know the customer"}]})

    reason: Reason | None = Field(None, description="Why the agent declines, for supervisors.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/offers/me", tags=["offers"])
    async def list_own_offers(caller: AgentOnly) -> Page[OfferView]:
        """The offers that wait for the caller's answer, the first to expire first."""
        async with at.engine.connect() as connection:
            await at.agent(connection, caller)
            configuration = (await at.active(connection)).configuration
            rows = await store.offers.pending_of_agent(connection, caller.subject, at.clock())
        items = [_view(configuration, row) for row in rows]
        return Page(items=items, next=None)

    @routes.post("/offers/{offer_id}/accept", tags=["offers"], responses=problems(404, 409))
    async def accept_offer(offer_id: OfferId, caller: AgentOnly, tx: OnceTx) -> WorkView:
        """Accepts an offer to the caller. 409 when it has expired or another agent has the work, with that agent."""
        return work_view(await offers.accept(tx, offer_id, caller.subject, at.clock()))

    @routes.post("/offers/{offer_id}/decline", tags=["offers"], responses=problems(400, 403, 404, 409))
    async def decline_offer(offer_id: OfferId, body: Decline, caller: AgentOnly, tx: OnceTx) -> WorkView:
        """Declines an offer to the caller: the work returns to its place, and others are asked first."""
        active = await at.active(tx)
        work = await offers.decline(tx, offer_id, caller.subject, active, body.reason, at.clock())
        return work_view(work)

    @routes.post("/offers/{offer_id}/extend", tags=["offers"], responses=problems(403, 404, 409))
    async def extend_offer(offer_id: OfferId, caller: AgentOnly, tx: OnceTx) -> OfferView:
        """Gives the caller more time to answer an offer, where its queue lets them (`extend_offer`). The stream shows it.

        403 where the queue does not. 409 when the offer is over, or was extended as often as the queue allows.
        """
        active = await at.active(tx)
        await offers.extend(tx, offer_id, caller.subject, active, at.clock())
        rows = await store.offers.pending_of_agent(tx, caller.subject, at.clock())
        (row,) = (row for row in rows if row.offer_id == offer_id)
        return _view(active.configuration, row)


def _view(configuration: Configuration, row: AnyRow) -> OfferView:
    left = configuration.extensions_left(row.queue, row.extensions)
    return OfferView(
        offer_id=row.offer_id,
        offered_at=row.offered_at,
        expires_at=row.expires_at,
        may_decline=row.queue not in configuration.queues or configuration.may_decline(row.queue),
        may_extend=left > 0,
        extensions_left=left,
        note=row.note,
        work=WorkView.model_validate(row, from_attributes=True),
    )
