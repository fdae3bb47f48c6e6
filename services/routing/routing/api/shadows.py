"""Shadows: a draft beside what is active, and where they differ."""

from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from antiphon.http.app import Body
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.problems import Problem, problems
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.configuration import faulty
from routing.api.draft_views import Decided, DecidedOtherwise
from routing.api.views import Cursor, Limit, Operations, Overseer, Reason, Routing
from routing.configuration import drafts, shadows
from routing.domain.states import DraftState
from routing.work.explain import RuleOutcome


class NewShadow(Body):
    """Why, and for how long at the most."""

    why: Reason
    hours: int = Field(24, ge=1, le=shadows.LONGEST_HOURS)


class ShadowView(BaseModel):
    """A draft that decides beside what is active, and never acts."""

    shadow_id: UUID
    draft_id: UUID
    draft_revision: int
    why: str
    began_at: datetime
    began_by: str
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str | None


class ShadowReport(ShadowView):
    """…with where it decided otherwise, in the words of a trial."""

    result: dict[str, object]


def _item(row: AnyRow) -> DecidedOtherwise:
    said = row.shadow
    trace = [RuleOutcome.model_validate(outcome) for outcome in said["trace"]]
    before = [RuleOutcome.model_validate(outcome) for outcome in row.trace]
    return DecidedOtherwise(
        decision_id=row.decision_id,
        work_item_id=row.work_item_id,
        case_id=row.case_id,
        at=row.at,
        version=row.version,
        before=Decided(rule=row.rule, outcome=row.outcome, trace=before),
        after=Decided(rule=said["rule"], outcome=said["outcome"], trace=trace),
    )


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.post("/drafts/{draft_id}/shadow", tags=["shadows"], status_code=201, responses=problems(404, 409))
    async def begin_shadow(
        draft_id: UUID, given: NewShadow, who: Operations, response: Response
    ) -> ShadowView:
        """Runs the draft, as it is written now, beside what is active; it never acts."""
        async with at.engine.begin() as tx:
            row = await drafts.draft(tx, draft_id)
            if row.state not in {DraftState.DRAFT, DraftState.PLANNED}:
                raise Problem(409, "Conflict", f"It is no draft any more: {row.state}.", state=row.state)
            if found := drafts.faults(row.source):
                raise faulty(ConfigurationError(row.name, found))
            shadow = await shadows.begin(tx, row, given.hours, given.why, who.subject, at.clock())
        response.headers["Location"] = f"/shadows/{shadow.shadow_id}"
        return ShadowView.model_validate(shadow, from_attributes=True)

    @routes.get("/shadows", tags=["shadows"], responses=problems(400))
    async def list_shadows(who: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[ShadowView]:
        """Shadows, the newest first."""
        del who
        s = store.shadows.SHADOW.c
        keyset = KeysetPage(s.began_at, s.shadow_id)
        async with at.engine.connect() as connection:
            rows = (await connection.execute(keyset.after(select(store.shadows.SHADOW), cursor, limit))).all()
        return keyset.page(rows, limit, partial(ShadowView.model_validate, from_attributes=True))

    @routes.get("/shadows/{shadow_id}", tags=["shadows"], responses=problems(404))
    async def get_shadow(shadow_id: UUID, who: Overseer) -> ShadowReport:
        """How often and in what the draft decided otherwise."""
        del who
        async with at.engine.connect() as connection:
            row = await shadows.get(connection, shadow_id)
            result = await shadows.report(connection, shadow_id)
        view = ShadowView.model_validate(row, from_attributes=True)
        return ShadowReport(**view.model_dump(), result=result)

    @routes.get("/shadows/{shadow_id}/items", tags=["shadows"], responses=problems(400, 404))
    async def list_shadow_items(
        shadow_id: UUID, who: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[DecidedOtherwise]:
        """Decisions that the draft would have made otherwise, the newest first, with what every rule said."""
        del who
        d = store.decisions.DECISION.c
        keyset = KeysetPage(d.at, d.decision_id)
        query = select(store.decisions.DECISION).where(
            d.shadow.is_not(None),
            d.shadow["shadow_id"].astext == str(shadow_id),
            d.shadow["differs"].astext != "[]",
        )
        async with at.engine.connect() as connection:
            await shadows.get(connection, shadow_id)
            rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
        return keyset.page(rows, limit, _item)

    @routes.delete("/shadows/{shadow_id}", tags=["shadows"], responses=problems(404, 409))
    async def end_shadow(shadow_id: UUID, who: Operations) -> ShadowView:
        """Ends it early; what it said stays."""
        async with at.engine.begin() as tx:
            row = await shadows.end(tx, shadow_id, who.subject, at.clock())
        return ShadowView.model_validate(row, from_attributes=True)
