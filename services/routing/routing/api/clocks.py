"""SLA clocks of a case, each with its ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import known
from antiphon.contracts.work import SlaTarget
from antiphon.http.pages import Page
from antiphon.http.problems import not_found, problems
from antiphon.organisation.agent import Agent
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.parameters import Api, CaseId, Reader
from routing.domain.time.sla_clock import Kind


class ClockEntryView(BaseModel):
    """An entry of a clock's ledger."""

    kind: Annotated[str, known(Kind)] = Field(description="What happened to the clock.", examples=["paused"])
    at: datetime = Field(description="When it happened.")
    noted_at: datetime = Field(description="When routing learned of it.")
    cause: str = Field(description="Why, in words.", examples=["waiting for the customer"])
    policy: str = Field(description="The SLA policy that counts from then on.", examples=["standard"])
    calendar: str = Field(description="The business calendar that counts from then on.", examples=["office"])
    configuration_version: int = Field(
        description="The version of the configuration that they are of.", examples=[12]
    )
    within_s: float = Field(
        description="Seconds of the calendar that were promised from then on.", examples=[28800]
    )
    percent: int | None = Field(
        description="The percentage of the time that a warning is about.", examples=[75]
    )
    due_before: datetime | None = Field(description="When the clock was due before the entry.")
    due_after: datetime = Field(description="When the clock is due after it.")


class ClockView(BaseModel):
    """An SLA clock: one promise to a customer, with its ledger."""

    clock_id: UUID = Field(description="The clock's id.")
    work_item_id: UUID = Field(description="The work item that it began with.")
    target: Annotated[str, known(SlaTarget)] = Field(
        description="What is promised.", examples=["first-response"]
    )
    policy: str = Field(description="The SLA policy.", examples=["standard"])
    calendar: str = Field(description="The business calendar that it counts by.", examples=["office"])
    started_at: datetime = Field(description="When it started.")
    due_at: datetime = Field(description="When the promise is broken, unless the clock is paused before.")
    paused_since: datetime | None = Field(description="Since when it is paused; null while it counts.")
    met_at: datetime | None = Field(description="When the promise was kept, in time or late.")
    breached_at: datetime | None = Field(description="When the promise was broken.")
    cancelled_at: datetime | None = Field(description="When it was cancelled.")
    ledger: list[ClockEntryView] = Field(description="Everything that happened to it, from the first entry.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/cases/{case_id}/clocks", tags=["service levels"], responses=problems(404))
    async def list_case_clocks(case_id: CaseId, caller: Reader) -> Page[ClockView]:
        """The clocks of a case, each with everything that happened to it. An agent reads those of their queues and work."""
        async with at.engine.connect() as connection:
            clocks = await store.clocks.of_case(connection, case_id)
            agent = await at.visible_to(connection, caller) if clocks else None
            if not clocks or (agent and not await _may_see(connection, agent, case_id, clocks)):
                raise not_found("case with clocks")
            entries = await store.clocks.entries_of(connection, [row.clock_id for row in clocks])
        return Page(items=[_clock(row, entries.get(row.clock_id, [])) for row in clocks], next=None)


async def _may_see(tx: AsyncConnection, agent: Agent, case_id: UUID, clocks: Sequence[AnyRow]) -> bool:
    work = (await store.work_items.last_work(tx, [case_id])).get(case_id)
    if work is not None and work.agent_id == agent.id:
        return True
    return not {row.queue for row in clocks}.isdisjoint(agent.queues)


def _clock(row: AnyRow, entries: Sequence[AnyRow]) -> ClockView:
    names = [name for name in ClockView.model_fields if name != "ledger"]
    return ClockView(
        **{name: getattr(row, name) for name in names}, ledger=[_entry(entry) for entry in entries]
    )


def _entry(row: AnyRow) -> ClockEntryView:
    names = [name for name in ClockEntryView.model_fields if name != "within_s"]
    return ClockEntryView(**{name: getattr(row, name) for name in names}, within_s=row.within.total_seconds())
