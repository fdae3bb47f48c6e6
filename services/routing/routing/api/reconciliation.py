"""The reconciliation: how far it has come, and what it found."""

from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from antiphon.http.pages import Cursor, Limit
from antiphon.http.problems import problems
from routing import store
from routing.api.parameters import Api, Overseer
from routing.domain.reconciliation import FindingKind
from routing.work import reconciliation


class FindingView(BaseModel):
    """A case or work item that was in a wrong state."""

    finding_id: UUID = Field(description="The finding's id.")
    kind: str = Field(
        description=f"What was wrong: {', '.join(kind.value for kind in FindingKind)}.", examples=["no-work"]
    )
    case_id: UUID = Field(description="The case.")
    work_item_id: UUID | None = Field(description="The work item; null for a case without work.")
    detail: str = Field(
        description="What was wrong, in words.", examples=["awaits an answer, and has no open work"]
    )
    repair: str | None = Field(
        description="How it was repaired; null when it could not be.", examples=["queued anew in front-desk"]
    )
    at: datetime = Field(description="When it was found.")


class Reconciliation(BaseModel):
    """The current round over all cases that await an answer and all open work, the last round, and all findings."""

    checked: int = Field(description="Cases that the current round has checked.", examples=[1500])
    began_at: datetime | None = Field(description="When the current round began.")
    last_checked: int | None = Field(description="Cases that the last whole round checked.", examples=[2210])
    last_began_at: datetime | None = Field(description="When the last whole round began.")
    last_ended_at: datetime | None = Field(description="When the last whole round ended.")
    found: dict[str, int] = Field(
        description="How many findings of each kind there ever were.", examples=[{"no-work": 1}]
    )
    not_repaired: int = Field(description="How many of all findings could not be repaired.", examples=[0])
    items: list[FindingView] = Field(description="A page of findings, the newest first.")
    next: str | None = Field(None, description="Give it as `cursor` for the next page; null on the last one.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/reconciliation", tags=["live"], responses=problems(400))
    async def get_reconciliation(
        _caller: Overseer, cursor: Cursor = None, limit: Limit = 50
    ) -> Reconciliation:
        """Whether every case that awaits an answer has exactly one open work item, and what was repaired."""
        async with at.engine.connect() as connection:
            round_ = await reconciliation.read_progress(connection)
            kinds = await store.reconciliation.findings_by_kind(connection)
            rows = await store.reconciliation.newest_findings(connection, cursor, limit)
        view = partial(FindingView.model_validate, from_attributes=True)
        page = store.reconciliation.BY_TIME.page(rows, limit, view)
        return Reconciliation(
            checked=round_.checked if round_ else 0,
            began_at=round_.began_at if round_ else None,
            last_checked=round_.last_checked if round_ else None,
            last_began_at=round_.last_began_at if round_ else None,
            last_ended_at=round_.last_ended_at if round_ else None,
            found={row.kind: row.findings for row in kinds},
            not_repaired=sum(row.findings - row.repaired for row in kinds),
            items=page.items,
            next=page.next,
        )
