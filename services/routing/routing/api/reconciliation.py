"""What the reconciliation found, and how far it has come."""

from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from antiphon.http.pages import KeysetPage
from antiphon.http.problems import problems
from routing import store
from routing.api.views import Cursor, Limit, Overseer, Routing
from routing.work import reconciliation


class FindingView(BaseModel):
    """Work that stood wrong."""

    finding_id: UUID
    kind: str
    case_id: UUID
    work_item_id: UUID | None
    detail: str
    repair: str | None = Field(description="What was done; null when nothing could be.")
    at: datetime


class Reconciliation(BaseModel):
    """The way round all cases that await an answer and all open work, and what was found on it."""

    checked: int = Field(description="Cases of the way that runs.")
    began_at: datetime | None
    last_checked: int | None = Field(description="Cases of the last whole way.")
    last_began_at: datetime | None
    last_ended_at: datetime | None
    found: dict[str, int] = Field(description="How many findings of each kind, ever.")
    not_repaired: int
    items: list[FindingView] = Field(description="Findings, the newest first.")
    next: str | None = Field(None, description="Give it as `cursor` for the next page; null on the last one.")


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/reconciliation", tags=["live"], responses=problems(400))
    async def get_reconciliation(who: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Reconciliation:
        """Whether every case that awaits an answer has exactly one open work item: what did not, and what was done."""
        del who
        f = store.reconciliation.FINDING.c
        keyset = KeysetPage(f.at, f.finding_id)
        async with at.engine.connect() as connection:
            stands = await reconciliation.read_progress(connection)
            counted = await connection.execute(
                select(f.kind, func.count().label("n"), func.count(f.repair).label("repair")).group_by(f.kind)
            )
            kinds = counted.all()
            rows = (
                await connection.execute(keyset.after(select(store.reconciliation.FINDING), cursor, limit))
            ).all()
        listed = keyset.page(rows, limit, partial(FindingView.model_validate, from_attributes=True))
        return Reconciliation(
            checked=stands.checked if stands else 0,
            began_at=stands.began_at if stands else None,
            last_checked=stands.last_checked if stands else None,
            last_began_at=stands.last_began_at if stands else None,
            last_ended_at=stands.last_ended_at if stands else None,
            found={row.kind: row.n for row in kinds},
            not_repaired=sum(row.n - row.repair for row in kinds),
            items=listed.items,
            next=listed.next,
        )
