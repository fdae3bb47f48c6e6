"""Publications: what waits for its time, for a second person, or decides about a share of the cases first."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import select

from antiphon.http.pages import KeysetPage, Page
from antiphon.http.problems import problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration import faulty
from routing.api.draft_views import Approval, Ending, PublicationView, Widening
from routing.api.views import Cursor, Limit, Operations, Overseer, Routing
from routing.configuration import publications


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/publications", tags=["publications"], responses=problems(400))
    async def list_publications(
        who: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[PublicationView]:
        """Publications, the newest first: who asked, who approved, when each began, widened and ended, and why."""
        del who
        p = store.publications.PUBLICATION.c
        keyset = KeysetPage(p.asked_at, p.publication_id)
        async with at.engine.connect() as connection:
            rows = (
                await connection.execute(keyset.after(select(store.publications.PUBLICATION), cursor, limit))
            ).all()
        return keyset.page(rows, limit, partial(PublicationView.model_validate, from_attributes=True))

    @routes.get("/publications/{publication_id}", tags=["publications"], responses=problems(404))
    async def get_publication(publication_id: UUID, who: Overseer) -> PublicationView:
        """One publication."""
        del who
        async with at.engine.connect() as connection:
            row = await publications.get(connection, publication_id)
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post(
        "/publications/{publication_id}/approve", tags=["publications"], responses=problems(403, 404, 409)
    )
    async def approve_publication(publication_id: UUID, given: Approval, who: Operations) -> PublicationView:
        """Approves what somebody else wrote and wants to publish: it begins, or waits for its time."""
        try:
            async with at.engine.begin() as tx:
                row = await publications.approve(tx, publication_id, given.why, who.subject, at.clock())
        except ConfigurationError as error:
            raise faulty(error) from error
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post("/publications/{publication_id}/widen", tags=["publications"], responses=problems(404, 409))
    async def widen_publication(publication_id: UUID, given: Widening, who: Operations) -> PublicationView:
        """Lets a version decide about more of the cases; 100 is all. Who was among the first stays."""
        async with at.engine.begin() as tx:
            row = await publications.widen(
                tx, publication_id, given.rollout, given.why, who.subject, at.clock()
            )
        return PublicationView.model_validate(row, from_attributes=True)

    @routes.post("/publications/{publication_id}/end", tags=["publications"], responses=problems(404, 409))
    async def end_publication(publication_id: UUID, given: Ending, who: Operations) -> PublicationView:
        """Withdraws what is not active yet; ends what is, and the version before is active again."""
        try:
            async with at.engine.begin() as tx:
                row = await publications.end(tx, publication_id, given.why, who.subject, at.clock())
        except ConfigurationError as error:
            raise faulty(error) from error
        return PublicationView.model_validate(row, from_attributes=True)
