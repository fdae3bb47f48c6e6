"""Publications: a draft becomes active at once, or waits for its time or a second person, or begins with a rollout."""

from datetime import datetime
from functools import partial
from itertools import pairwise
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.http.app import Body, Moment
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.preconditions import Seen, seen
from antiphon.http.problems import problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration_errors import invalid_configuration
from routing.api.parameters import (
    Api,
    DraftId,
    IfMatch,
    Operations,
    Overseer,
    PublicationId,
    Reason,
    invalid_field,
)
from routing.api.publication_views import PublicationView, Published
from routing.configuration import drafts, publications
from routing.configuration.publications import AT_ONCE, Plan


class NewPublication(Body):
    """Why a draft becomes active, when, and for how many of the cases; by default at once and for all."""

    why: Reason = Field(description="Why.", examples=["Objections have a legal deadline"])
    trial_id: UUID | None = Field(None, description="The trial that shows what it does.")
    begins_at: Moment | None = Field(None, description="When it becomes active; null: at once.")
    rollout: int = Field(
        100, ge=1, le=100, description="The percent of the cases that it decides about first.", examples=[20]
    )
    widens_at: Moment | None = Field(
        None, description="When it decides about all cases, after a rollout of less than 100."
    )
    ends_at: Moment | None = Field(None, description="When the version before becomes active again.")

    def plan(self, now: datetime) -> Plan | None:
        """When and for whom; None for at once and for all. Raises Problem 422 when the times are in no order."""
        plan = Plan(self.begins_at, self.rollout, self.widens_at, self.ends_at)
        if plan.widens_at is not None and plan.rollout == 100:
            raise invalid_field("/widens_at", "needs a rollout of less than 100")
        times = (
            ("begins_at", plan.begins_at or now),
            ("widens_at", plan.widens_at),
            ("ends_at", plan.ends_at),
        )
        for (_, before), (name, after) in pairwise((name, at) for name, at in times if at is not None):
            if after <= before:
                raise invalid_field(f"/{name}", "must be later than the times before it")
        return None if plan == AT_ONCE else plan


class Approval(Body):
    """What the second person writes about it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": "Read and understood"}]})

    why: Reason | None = Field(None, description="A remark.")


class Widening(Body):
    """How many more of the cases, and why."""

    rollout: int = Field(
        ge=2, le=100, description="The percent of the cases that it decides about then.", examples=[100]
    )
    why: Reason = Field(description="Why.", examples=["No complaints in two days"])


class Ending(Body):
    """Why the publication ends."""

    why: Reason = Field(description="Why.", examples=["The busy week is over"])


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post("/drafts/{draft_id}/publish", tags=["drafts"], responses=problems(404, 409, 412, 428))
    async def publish_draft(
        draft_id: DraftId, body: NewPublication, caller: Operations, tx: OnceTx, if_match: IfMatch = None
    ) -> Published:
        """Makes a draft the active version for every replica: at once, at a time, or for a percentage of the cases first.

        409 when the version that it was made from is no longer active. It waits when the organisation wants a second
        person to approve.
        """
        revision, plan = seen(if_match), body.plan(at.clock())
        try:
            return await _publish(tx, at, draft_id, revision, body, plan, caller)
        except ConfigurationError as error:
            raise invalid_configuration(error) from error

    @routes.get("/publications", tags=["publications"], responses=problems(400))
    async def list_publications(
        _caller: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[PublicationView]:
        """Publications, the newest first: who asked for each, who approved it, when it began and ended, and why."""
        async with at.engine.connect() as connection:
            rows = await store.publications.newest(connection, cursor, limit)
        view = partial(PublicationView.model_validate, from_attributes=True)
        return store.publications.BY_REQUEST.page(rows, limit, view)

    @routes.get("/publications/{publication_id}", tags=["publications"], responses=problems(404))
    async def get_publication(publication_id: PublicationId, _caller: Overseer) -> PublicationView:
        """One publication."""
        async with at.engine.connect() as connection:
            row = await publications.get(connection, publication_id)
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post(
        "/publications/{publication_id}/approve", tags=["publications"], responses=problems(403, 404, 409)
    )
    async def approve_publication(
        publication_id: PublicationId, body: Approval, caller: Operations, tx: OnceTx
    ) -> PublicationView:
        """Approves a publication that somebody else wrote and asked for: it begins, or waits for its time."""
        try:
            row = await publications.approve(tx, publication_id, body.why, caller.subject, at.clock())
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post(
        "/publications/{publication_id}/widen", tags=["publications"], responses=problems(403, 404, 409)
    )
    async def widen_publication(
        publication_id: PublicationId, body: Widening, caller: Operations, tx: OnceTx
    ) -> PublicationView:
        """Lets a version decide about more of the cases; 100 is all. Cases that it decides about already stay with it.

        Where a second person must approve, its authors and who asked for it get 403.
        """
        row = await publications.widen(
            tx, publication_id, body.rollout, body.why, caller.subject, at.clock(),
            needs_approval=await _needs_approval(tx, at),
        )  # fmt: skip
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post("/publications/{publication_id}/end", tags=["publications"], responses=problems(404, 409))
    async def end_publication(
        publication_id: PublicationId, body: Ending, caller: Operations, tx: OnceTx
    ) -> PublicationView:
        """Withdraws a publication that is not active yet; ends an active one, and the version before is active again.

        Where a second person must approve, one that is active for all is ended by `POST /configuration/back`.
        """
        try:
            row = await publications.end(
                tx, publication_id, body.why, caller.subject, at.clock(),
                needs_approval=await _needs_approval(tx, at),
            )  # fmt: skip
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return PublicationView.model_validate(row, from_attributes=True)


async def _needs_approval(tx: AsyncConnection, at: Api) -> bool:
    """Whether the active version, which stays until the end of the transaction, wants a second person."""
    await store.configurations.lock_configuration(tx)
    return (await at.active(tx)).configuration.publishing.needs_approval


async def _publish(
    tx: AsyncConnection, at: Api, draft_id: UUID, revision: Seen, body: NewPublication, plan: Plan | None, caller: Identity
) -> Published:  # fmt: skip
    active = await at.active(tx)
    if plan is not None or active.configuration.publishing.needs_approval:
        row = await publications.ask(
            tx, active, draft_id, revision, plan or AT_ONCE, body.why, body.trial_id, caller.subject, at.clock()
        )  # fmt: skip
        publication = PublicationView.model_validate(row, from_attributes=True)
        return Published(configuration_version=row.version, publication=publication)
    version = await drafts.publish(
        tx, draft_id, revision, body.why, body.trial_id, caller.subject, at.clock()
    )
    return Published(configuration_version=version)
