"""Shadows: a draft decides beside the active version without effect, and its differences are reported."""

from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.decision_results import ShadowResult
from routing.api.decision_views import Decided, DecidedOtherwise
from routing.api.drafts import require_usable
from routing.api.parameters import Api, DraftId, Operations, Overseer, Reason, ShadowId
from routing.configuration import drafts, shadows
from routing.domain.states import DraftState
from routing.work.explain import RuleOutcome


class NewShadow(Body):
    """Why, and for how long."""

    why: Reason = Field(description="Why.", examples=["before the busy week"])
    hours: int = Field(
        24,
        ge=1,
        le=shadows.LONGEST_HOURS,
        description="After how many hours it ends by itself.",
        examples=[48],
    )


class ShadowView(BaseModel):
    """A draft that decides beside the active version, without effect."""

    shadow_id: UUID = Field(description="The shadow's id.")
    draft_id: UUID = Field(description="The draft that decides.")
    draft_revision: int = Field(description="The revision of the draft.", examples=[2])
    why: str = Field(description="Why it was begun.", examples=["before the busy week"])
    began_at: datetime = Field(description="When it began.")
    began_by: str = Field(description="Who began it.", examples=["olga"])
    ends_at: datetime = Field(description="When it ends by itself.")
    ended_at: datetime | None = Field(description="When it ended; null while it runs.")
    ended_by: str | None = Field(description="Who ended it early; null when nobody did.", examples=[None])


class ShadowReport(ShadowView):
    """A shadow with a count of where it decided otherwise."""

    result: ShadowResult = Field(description="Where it decided otherwise, counted as in a trial's result.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post("/drafts/{draft_id}/shadow", tags=["shadows"], status_code=201, responses=problems(404, 409))
    async def begin_shadow(
        draft_id: DraftId, body: NewShadow, caller: Operations, tx: OnceTx, response: Response
    ) -> ShadowView:
        """Lets a draft, as it is now, decide beside the active version, without effect. 409 while another does."""
        row = await drafts.draft(tx, draft_id)
        await require_usable(at, row, DraftState.DRAFT, DraftState.PLANNED)
        shadow = await shadows.begin(tx, row, body.hours, body.why, caller.subject, at.clock())
        response.headers["Location"] = f"/shadows/{shadow.shadow_id}"
        return ShadowView.model_validate(shadow, from_attributes=True)

    @routes.get("/shadows", tags=["shadows"], responses=problems(400))
    async def list_shadows(_caller: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[ShadowView]:
        """Shadows, the newest first."""
        async with at.engine.connect() as connection:
            rows = await store.shadows.newest(connection, cursor, limit)
        view = partial(ShadowView.model_validate, from_attributes=True)
        return store.shadows.BY_BEGIN.page(rows, limit, view)

    @routes.get("/shadows/{shadow_id}", tags=["shadows"], responses=problems(404))
    async def get_shadow(shadow_id: ShadowId, _caller: Overseer) -> ShadowReport:
        """A shadow, with how often and in what it decided otherwise."""
        async with at.engine.connect() as connection:
            row = await shadows.get(connection, shadow_id)
            result = await shadows.report(connection, shadow_id)
        view = ShadowView.model_validate(row, from_attributes=True)
        return ShadowReport(**view.model_dump(), result=ShadowResult.model_validate(result))

    @routes.get("/shadows/{shadow_id}/items", tags=["shadows"], responses=problems(400, 404))
    async def list_shadow_items(
        shadow_id: ShadowId, _caller: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[DecidedOtherwise]:
        """Decisions that the draft would have made otherwise, the newest first, with the results of all rules."""
        async with at.engine.connect() as connection:
            await shadows.get(connection, shadow_id)
            rows = await store.decisions.differing(connection, shadow_id, cursor, limit)
        return store.decisions.BY_TIME.page(rows, limit, _item)

    @routes.delete("/shadows/{shadow_id}", tags=["shadows"], responses=problems(404, 409))
    async def end_shadow(shadow_id: ShadowId, caller: Operations) -> ShadowView:
        """Ends a shadow early; its report stays."""
        async with at.engine.begin() as tx:
            row = await shadows.end(tx, shadow_id, caller.subject, at.clock())
        return ShadowView.model_validate(row, from_attributes=True)


def _item(row: AnyRow) -> DecidedOtherwise:
    shadow = row.shadow
    trace = [RuleOutcome.model_validate(outcome) for outcome in shadow["trace"]]
    before = [RuleOutcome.model_validate(outcome) for outcome in row.trace]
    return DecidedOtherwise(
        decision_id=row.decision_id,
        work_item_id=row.work_item_id,
        case_id=row.case_id,
        at=row.at,
        configuration_version=row.version,
        later_words=row.before is not None,
        before=Decided(rule=row.rule, outcome=row.outcome, trace=before),
        after=Decided(rule=shadow["rule"], outcome=shadow["outcome"], trace=trace),
    )
