"""Trials: what a draft would have done with what was decided before."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import select

from antiphon.http.pages import KeysetPage, Page
from antiphon.http.problems import Problem, problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration import faulty
from routing.api.draft_views import DecidedOtherwise, NewTrial, TrialView, trial_item
from routing.api.views import Cursor, Limit, Name, Operations, Overseer, Routing
from routing.configuration import drafts, trials
from routing.domain.states import DraftState


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.post("/drafts/{draft_id}/trial", tags=["trials"], status_code=202, responses=problems(404, 409))
    async def try_draft(draft_id: UUID, given: NewTrial, who: Operations, response: Response) -> TrialView:
        """Runs the draft over recorded decisions; nothing that customers or agents notice changes."""
        async with at.engine.begin() as tx:
            row = await drafts.draft(tx, draft_id)
            if row.state != DraftState.DRAFT:
                raise Problem(409, "Conflict", f"It is no draft any more: {row.state}.", state=row.state)
            if found := drafts.faults(row.source):
                raise faulty(ConfigurationError(row.name, found))
            trial = await trials.ask(tx, row, given.last, given.since, given.until, who.subject, at.clock())
        response.headers["Location"] = f"/trials/{trial.trial_id}"
        return TrialView.model_validate(trial, from_attributes=True)

    @routes.get("/drafts/{draft_id}/trials", tags=["trials"], responses=problems(400, 404))
    async def list_trials(
        draft_id: UUID, who: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[TrialView]:
        """The trials of a draft, the newest first."""
        del who
        t = store.trials.TRIAL.c
        keyset = KeysetPage(t.asked_at, t.trial_id)
        query = keyset.after(select(store.trials.TRIAL).where(t.draft_id == draft_id), cursor, limit)
        async with at.engine.connect() as connection:
            await drafts.draft(connection, draft_id)
            rows = (await connection.execute(query)).all()
        return keyset.page(rows, limit, partial(TrialView.model_validate, from_attributes=True))

    @routes.get("/trials/{trial_id}", tags=["trials"], responses=problems(404))
    async def get_trial(trial_id: UUID, who: Overseer) -> TrialView:
        """How far a trial is, and what it found."""
        del who
        async with at.engine.connect() as connection:
            return TrialView.model_validate(await trials.get(connection, trial_id), from_attributes=True)

    @routes.get("/trials/{trial_id}/items", tags=["trials"], responses=problems(400, 404))
    async def list_trial_items(
        trial_id: UUID, who: Overseer, cursor: Cursor = None, limit: Limit = 50, from_queue: Name = None,
        to_queue: Name = None,
    ) -> Page[DecidedOtherwise]:  # fmt: skip
        """Decisions that the draft makes otherwise, the newest first, each with what every rule said then and would say."""
        del who
        i, d = store.trials.TRIAL_ITEM.c, store.decisions.DECISION.c
        query = (
            select(
                store.trials.TRIAL_ITEM,
                d.work_item_id,
                d.case_id,
                d.version,
                d.trace,
                d.rule.label("decided_by"),
            )
            .join(store.decisions.DECISION, d.decision_id == i.decision_id)
            .where(i.trial_id == trial_id)
        )
        for decided, value in ((i.before, from_queue), (i.after, to_queue)):
            if value is not None:
                query = query.where(decided["queue"].astext == value)
        keyset = KeysetPage(i.at, i.decision_id)
        async with at.engine.connect() as connection:
            trial = await trials.get(connection, trial_id)
            rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
        return keyset.page(rows, limit, partial(trial_item, rules=trial.rules or []))

    @routes.delete("/trials/{trial_id}", tags=["trials"], responses=problems(404, 409))
    async def stop_trial(trial_id: UUID, who: Operations) -> TrialView:
        """Ends a trial early."""
        del who
        async with at.engine.begin() as tx:
            return TrialView.model_validate(await trials.stop(tx, trial_id, at.clock()), from_attributes=True)
