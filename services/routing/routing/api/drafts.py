"""Drafts of the configuration: written, checked, compared, published."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import select

from antiphon.http.pages import KeysetPage, Page
from antiphon.http.problems import problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration import faulty, seen
from routing.api.draft_views import (
    Difference,
    DraftLine,
    DraftView,
    NewDraft,
    PublicationView,
    Published,
    Publishing,
    SavedDraft,
    draft_view,
    text_of,
)
from routing.api.views import Cursor, Limit, Match, Operations, Overseer, Routing, wrong
from routing.configuration import drafts, publications
from routing.configuration.publications import AT_ONCE
from routing.domain.states import DraftState


def add(routes: APIRouter, at: Routing) -> None:  # noqa: C901, PLR0915
    """Adds the routes."""

    @routes.post("/drafts", tags=["drafts"], status_code=201, responses=problems(404, 413))
    async def create_draft(given: NewDraft, who: Operations, response: Response) -> DraftView:
        """A draft of what is active, or of what is given. It may have faults: they are told with line and column."""
        async with at.engine.begin() as tx:
            row = await drafts.create(tx, given.name, given.why, text_of(given), who.subject, at.clock())
        response.headers["ETag"] = f'"{row.revision}"'
        return draft_view(row)

    @routes.get("/drafts", tags=["drafts"], responses=problems(400))
    async def list_drafts(who: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[DraftLine]:
        """Drafts, the newest change first, those that were published or discarded too."""
        del who
        d = store.drafts.DRAFT.c
        keyset = KeysetPage(d.changed_at, d.draft_id)
        async with at.engine.connect() as connection:
            rows = (await connection.execute(keyset.after(select(store.drafts.DRAFT), cursor, limit))).all()
        return keyset.page(rows, limit, partial(DraftLine.model_validate, from_attributes=True))

    @routes.get("/drafts/{draft_id}", tags=["drafts"], responses=problems(404))
    async def get_draft(draft_id: UUID, who: Overseer, response: Response) -> DraftView:
        """A draft, with everything that is wrong with it."""
        del who
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
        response.headers["ETag"] = f'"{row.revision}"'
        return draft_view(row)

    @routes.put("/drafts/{draft_id}", tags=["drafts"], responses=problems(404, 409, 412, 413, 428))
    async def save_draft(
        draft_id: UUID, given: SavedDraft, who: Operations, response: Response, if_match: Match = None
    ) -> DraftView:
        """Saves what was written, faults and all; 412 when somebody else saved meanwhile."""
        revision, source = seen(if_match), text_of(given)
        if source is None:
            raise wrong("/source", "give a source or a configuration")
        changed: dict[str, object] = {"name": given.name, "why": given.why, "source": source}
        if given.base_version is not None:
            changed["base_version"] = given.base_version
        async with at.engine.begin() as tx:
            if given.base_version is not None:
                await drafts.require_active(tx, given.base_version)
            row = await drafts.save(tx, draft_id, revision, who.subject, at.clock(), **changed)
        response.headers["ETag"] = f'"{row.revision}"'
        return draft_view(row)

    @routes.delete("/drafts/{draft_id}", tags=["drafts"], responses=problems(404, 409, 412, 428))
    async def discard_draft(draft_id: UUID, who: Operations, if_match: Match = None) -> DraftLine:
        """Gives a draft up; it stays listed."""
        revision = seen(if_match)
        async with at.engine.begin() as tx:
            row = await drafts.save(
                tx, draft_id, revision, who.subject, at.clock(), state=DraftState.DISCARDED
            )
        return DraftLine.model_validate(row, from_attributes=True)

    @routes.get("/drafts/{draft_id}/difference", tags=["drafts"], responses=problems(404, 409))
    async def compare_draft(draft_id: UUID, who: Overseer) -> Difference:
        """What changes, in words, when the draft becomes active in place of what is."""
        del who
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
            active_version = await drafts.version(
                connection, await store.configurations.version(connection) or 0
            )
        told = drafts.describe_differences(active_version.source, row.source)
        return Difference(from_version=active_version.version, to=f"draft {row.name!r}", differences=told)

    @routes.post("/drafts/{draft_id}/publish", tags=["drafts"], responses=problems(404, 409, 412, 428))
    async def publish_draft(
        draft_id: UUID, given: Publishing, who: Operations, if_match: Match = None
    ) -> Published:
        """Activates the draft for every replica: at once, for all cases and for good, or as is said.

        409 when what it was made from is active no longer; it waits when the organisation wants a second person to approve.
        """
        revision, plan = seen(if_match), given.plan(at.clock())
        try:
            async with at.engine.begin() as tx:
                active = await at.active(tx)
                if plan is not None or active.configuration.publishing.needs_approval:
                    row = await publications.ask(
                        tx, active, draft_id, revision, plan or AT_ONCE, given.why, given.trial_id, who.subject,
                        at.clock(),
                    )  # fmt: skip
                    shown = PublicationView.model_validate(row, from_attributes=True)
                    return Published(version=row.version, publication=shown)
                version = await drafts.publish(
                    tx, draft_id, revision, given.why, given.trial_id, who.subject, at.clock()
                )
        except ConfigurationError as error:
            raise faulty(error) from error
        return Published(version=version)
