"""Trials: what a draft would have done with decisions that were made before."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from antiphon.http.app import Body, Moment, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.decision_results import TrialResult
from routing.api.decision_views import Decided, DecidedOtherwise
from routing.api.drafts import require_usable
from routing.api.parameters import Api, DraftId, Operations, Overseer, TrialId
from routing.configuration import drafts, trials
from routing.domain.rules.conditions import RuleResult
from routing.domain.states import DraftState
from routing.work.explain import RuleOutcome


class NewTrial(Body):
    """Over which decisions."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"last": 1000}]})

    last: int = Field(1000, ge=1, le=trials.MOST, description="The newest decisions, at most so many.")
    since: Moment | None = Field(None, description="Only decisions from this instant on.")
    until: Moment | None = Field(None, description="Only decisions before this instant; null: before now.")


class TrialView(BaseModel):
    """A trial: how far it is, and what it found when it is done."""

    trial_id: UUID = Field(description="The trial's id.")
    draft_id: UUID = Field(description="The draft that is tried.")
    draft_revision: int = Field(description="The revision of the draft.", examples=[2])
    against_version: int = Field(
        description="The version that was active when the trial was asked for.", examples=[12]
    )
    state: Literal["asked", "running", "done", "failed", "stopped"] = Field(
        description="Asked: it waits. Stopped: somebody ended it early."
    )
    last: int = Field(description="The most decisions it looks at.", examples=[1000])
    since: datetime | None = Field(description="Only decisions from this instant on.")
    until: datetime = Field(description="Only decisions before this instant.")
    done: int = Field(description="How many decisions it has looked at.", examples=[1000])
    total: int | None = Field(description="How many there are; null before it runs.", examples=[1000])
    asked_at: datetime = Field(description="When it was asked for.")
    asked_by: str = Field(description="Who asked for it.", examples=["olga"])
    ended_at: datetime | None = Field(description="When it ended.")
    failure: str | None = Field(description="Why it failed.", examples=[None])
    result: TrialResult | None = Field(
        description="What the draft would have done, counted; docs/guides/tuning-rules.md explains it."
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post("/drafts/{draft_id}/trial", tags=["trials"], status_code=202, responses=problems(404, 409))
    async def begin_trial(
        draft_id: DraftId, body: NewTrial, caller: Operations, tx: OnceTx, response: Response
    ) -> TrialView:
        """Runs a draft over recorded decisions. Nothing changes for customers and agents."""
        row = await drafts.draft(tx, draft_id)
        await require_usable(at, row, DraftState.DRAFT)
        trial = await trials.ask(tx, row, body.last, body.since, body.until, caller.subject, at.clock())
        response.headers["Location"] = f"/trials/{trial.trial_id}"
        return TrialView.model_validate(trial, from_attributes=True)

    @routes.get("/drafts/{draft_id}/trials", tags=["trials"], responses=problems(400, 404))
    async def list_trials(
        draft_id: DraftId, _caller: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[TrialView]:
        """The trials of a draft, the newest first."""
        async with at.engine.connect() as connection:
            await drafts.draft(connection, draft_id)
            rows = await store.trials.of_draft(connection, draft_id, cursor, limit)
        view = partial(TrialView.model_validate, from_attributes=True)
        return store.trials.BY_REQUEST.page(rows, limit, view)

    @routes.get("/trials/{trial_id}", tags=["trials"], responses=problems(404))
    async def get_trial(trial_id: TrialId, _caller: Overseer) -> TrialView:
        """How far a trial is, and what it found."""
        async with at.engine.connect() as connection:
            return TrialView.model_validate(await trials.get(connection, trial_id), from_attributes=True)

    @routes.get("/trials/{trial_id}/items", tags=["trials"], responses=problems(400, 404))
    async def list_trial_items(
        trial_id: TrialId, _caller: Overseer, cursor: Cursor = None, limit: Limit = 50,
        from_queue: Annotated[Words | None, Query(max_length=200, description="Only work that was put into this queue.")] = None,
        to_queue: Annotated[Words | None, Query(max_length=200, description="Only work that the draft puts into this queue.")] = None,
    ) -> Page[DecidedOtherwise]:  # fmt: skip
        """Decisions that the draft makes otherwise, the newest first, each with the results of all rules then and now."""
        async with at.engine.connect() as connection:
            trial = await trials.get(connection, trial_id)
            rows = await store.trials.items(connection, trial_id, from_queue, to_queue, cursor, limit)
        return store.trials.ITEMS_BY_TIME.page(rows, limit, partial(_item, rules=trial.rules or []))

    @routes.delete("/trials/{trial_id}", tags=["trials"], responses=problems(404, 409))
    async def stop_trial(trial_id: TrialId, _caller: Operations) -> TrialView:
        """Ends a trial early; what it found stays listed."""
        async with at.engine.begin() as tx:
            return TrialView.model_validate(await trials.stop(tx, trial_id, at.clock()), from_attributes=True)


def _item(row: AnyRow, rules: list[str]) -> DecidedOtherwise:
    letters = {result[0]: result.value for result in RuleResult}
    after = [
        RuleOutcome(rule=rule, result=letters[letter], error=row.errors.get(rule))
        for rule, letter in zip(rules, row.results, strict=True)
    ]
    before = [RuleOutcome.model_validate(outcome) for outcome in row.trace]
    return DecidedOtherwise(
        decision_id=row.decision_id,
        work_item_id=row.work_item_id,
        case_id=row.case_id,
        at=row.at,
        configuration_version=row.version,
        later_words=row.later_words,
        before=Decided(rule=row.decided_by, outcome=row.before, trace=before),
        after=Decided(rule=row.rule, outcome=row.after, trace=after),
    )
