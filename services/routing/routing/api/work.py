"""Work: where it is and why, and what agents and supervisors do with it."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity, Role
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Export, ExportCursor, Limit, Page
from antiphon.http.problems import not_found, problems
from antiphon.organisation.agent import Agent
from routing import store
from routing.api.parameters import (
    AgentOnly,
    Api,
    Overseer,
    Reader,
    Reason,
    Supervisor,
    Worker,
    WorkItemId,
    invalid_field,
)
from routing.api.work_views import WorkStateName, WorkView, work_view
from routing.domain.configuration.document import Configuration
from routing.domain.work_item import WorkItem
from routing.work import explain, handling, pulling


class WorkDetail(WorkView):
    """A work item with why it went where it went, and why it still waits."""

    decided_by: explain.DecidedBy = Field(
        description="`rules`, or `reconciliation`: it made the work item without a decision.",
        examples=["rules"],
    )
    decided_because: str = Field(
        description="Why the work is where it is, in words.", examples=["rule 'Planning' matched"]
    )
    decision: explain.DecisionView | None = Field(
        description="The decision that put the work into its queue; null when the reconciliation made the work item."
    )
    decisions: list[explain.DecisionSummary] = Field(
        description="All decisions about the work, the first first: the one that made it, then those of later words that changed "
        "it, each with the work before and after. At most the newest 50."
    )
    candidates: list[explain.CandidateView] = Field(
        description="The agents of its queues, and why each can't take it now."
    )
    waiting_because: str | None = Field(
        None,
        description="Why nobody has the work yet; null when somebody has.",
        examples=["nobody of the queue is available (offline)"],
    )
    waiting_for: explain.WaitingFor | None = Field(
        None, description="`waiting_because` as one of a few values, for programs."
    )
    escalations: list[explain.Escalated] = Field(description="What happened to the work since it was queued.")
    coming: list[explain.Coming] = Field(
        description="What happens, and when, if nobody takes the work; the first first."
    )
    offers: list[explain.PastOffer] = Field(description="All offers of the work, the oldest first.")


class Transfer(Body):
    """Where the work goes: to a queue or to one agent, not both."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"queue": "rates", "note": "The question is about a rates notice"}]}
    )

    queue: Words | None = Field(None, max_length=100, description="The id of the queue that gets the work.")
    agent_id: Words | None = Field(
        None, max_length=100, description="The agent who is offered the work; it stays in its queue."
    )
    note: Reason | None = Field(None, description="A note for who gets the work. The offer shows it.")
    wait: bool = Field(
        default=False,
        description="Whether the work waits for an agent who can be offered nothing now. Without it that is a 409.",
    )


class Assignment(Body):
    """Who gets the work."""

    agent_id: Words = Field(
        max_length=100, description="The agent who has the work at once.", examples=["elena"]
    )
    reason: Reason | None = Field(
        None, description="Why the supervisor assigns it.", examples=["Elena knows the site"]
    )
    wait: bool = Field(
        default=False,
        description="Whether the work waits for an agent who gets no work in their presence. Without it that is a 409.",
    )


class TakeBack(Body):
    """Why the work is taken back."""

    reason: Reason = Field(
        description="Why the supervisor takes the work back.", examples=["Elena is in a meeting"]
    )


class Urgency(Body):
    """How urgent the work is."""

    priority: int = Field(
        ge=0,
        le=100,
        strict=True,
        description="0 to 100; the higher goes first among work that is due at the same time.",
        examples=[80],
    )
    reason: Reason | None = Field(
        None, description="Why the priority changes.", examples=["The mayor asked about it"]
    )


class Completion(Body):
    """Why nothing more is to be done."""

    reason: Reason = Field(
        description="Why the case needs no answer for now.",
        examples=["The customer called, and all is clear"],
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/work", tags=["work"], responses=problems(400))
    async def list_work(
        caller: Reader, cursor: Cursor = None, limit: Limit = 50,
        queue: Annotated[Words | None, Query(max_length=200, description="Only work in the queue of this id.")] = None,
        state: Annotated[WorkStateName | None, Query(description="Only work in this state.")] = None,
        agent_id: Annotated[Words | None, Query(max_length=200, description="Only work of this agent; `me` is the caller.")] = None,
        case_id: Annotated[UUID | None, Query(description="Only work of this case.")] = None,
        sort: Annotated[
            Literal["changed_at", "due_at"],
            Query(description="`changed_at`: the newest change first. `due_at`: open work, the first due first, then without due time."),
        ] = "changed_at",
    ) -> Page[WorkView]:  # fmt: skip
        """Work, the newest change first or the first due first. An agent sees their own work and that of their queues."""
        of_agent = caller.subject if agent_id == "me" else agent_id
        order = store.work_items.BY_DUE if sort == "due_at" else store.work_items.BY_CHANGE
        async with at.engine.connect() as connection:
            visible_to = await at.visible_to(connection, caller)
            rows = await store.work_items.page(
                connection, order, queue, state, of_agent, visible_to, cursor, limit, case_id=case_id
            )
        view = partial(WorkView.model_validate, from_attributes=True)
        return order.page(rows, limit, view)

    @routes.get("/work/export", tags=["work"], responses=problems(400, 410))
    async def export_work(
        _caller: Overseer, cursor: ExportCursor = None, limit: Limit = 50
    ) -> Export[WorkView]:
        """All work, and later what changed since: none is missed, however much changes meanwhile.

        A work item that changes after it was read comes again. What changes now comes once no older transaction runs.
        """
        async with at.engine.connect() as connection:
            return await store.work_items.export(connection, cursor, limit, work_view)

    @routes.get("/work/{work_item_id}", tags=["work"], responses=problems(404))
    async def get_work(work_item_id: WorkItemId, caller: Reader) -> WorkDetail:
        """One work item: which rule put it where it is, who could take it, and why it still waits."""
        async with at.engine.connect() as connection:
            active = await at.active(connection)
            work = await _readable(connection, at, work_item_id, caller)
            explained = await explain.explain(connection, work, active, at.clock())
        return WorkDetail(**work_view(work).model_dump(), **explained)

    @routes.post("/work/{work_item_id}/complete", tags=["work"], responses=problems(400, 404, 409))
    async def complete_work(
        work_item_id: WorkItemId, body: Completion, caller: Worker, tx: OnceTx
    ) -> WorkView:
        """Completes work whose case was not answered. An agent completes their own work, a supervisor any."""
        work = await handling.complete(
            tx, work_item_id, caller.actor(), await at.active(tx), body.reason,
            anyones=caller.has(Role.SUPERVISOR), now=at.clock(),
        )  # fmt: skip
        return work_view(work)

    @routes.post("/work/{work_item_id}/transfer", tags=["work"], responses=problems(400, 404, 409))
    async def transfer_work(work_item_id: WorkItemId, body: Transfer, caller: Worker, tx: OnceTx) -> WorkView:
        """Hands work to another queue, or offers it to one agent. An agent hands on their own work, a supervisor any.

        409 for an agent who can be offered nothing now, with the reason as `why_not`; with `wait` the work waits for them. An
        offer that is declined or expires returns the work to its queue, where others are asked before who gave it.
        """
        active = await at.active(tx)
        work = await handling.transfer(
            tx, work_item_id, caller.actor(), active, queue=body.queue, agent=_receiver(body, active.configuration),
            note=body.note, anyones=caller.has(Role.SUPERVISOR), now=at.clock(), wait=body.wait,
        )  # fmt: skip
        return work_view(work)

    @routes.post("/work/{work_item_id}/pick", tags=["work"], responses=problems(403, 404, 409))
    async def pick_work(work_item_id: WorkItemId, caller: AgentOnly, tx: OnceTx) -> WorkView:
        """Gives the caller this waiting work, accepted, where its queue lets agents pick. The first to pick it has it."""
        agent = await at.agent(tx, caller)
        return work_view(await pulling.pick(tx, await at.active(tx), agent, work_item_id, at.clock()))

    @routes.post("/work/{work_item_id}/assign", tags=["work"], responses=problems(400, 404, 409))
    async def assign_work(
        work_item_id: WorkItemId, body: Assignment, caller: Supervisor, tx: OnceTx
    ) -> WorkView:
        """Gives the work to an agent, accepted, whatever their skills and free capacity.

        409 for an agent who gets no work in their presence, with the reason as `why_not`; with `wait` the work waits for them.
        """
        active = await at.active(tx)
        agent = _agent(body.agent_id, active.configuration)
        work = await handling.assign(
            tx, work_item_id, caller.actor(), active, agent, body.reason, at.clock(), wait=body.wait
        )
        return work_view(work)

    @routes.post("/work/{work_item_id}/take-back", tags=["work"], responses=problems(400, 404, 409))
    async def take_back_work(
        work_item_id: WorkItemId, body: TakeBack, caller: Supervisor, tx: OnceTx
    ) -> WorkView:
        """Takes the work from its agent: it returns to its place, and others are asked before that agent is."""
        work = await handling.take_back(tx, work_item_id, caller.actor(), body.reason, at.clock())
        return work_view(work)

    @routes.patch("/work/{work_item_id}", tags=["work"], responses=problems(400, 404, 409))
    async def prioritise_work(
        work_item_id: WorkItemId, body: Urgency, caller: Supervisor, tx: OnceTx
    ) -> WorkView:
        """Sets the priority of the work, whatever the rules decided."""
        work = await handling.reprioritise(
            tx, work_item_id, caller.actor(), body.priority, body.reason, await at.active(tx), at.clock()
        )
        return work_view(work)


async def _readable(tx: AsyncConnection, at: Api, work_item_id: UUID, caller: Identity) -> WorkItem:
    """A work item that the caller may read. Raises Problem 404 for another, and as `Api.visible_to`."""
    work = await store.work_items.work_item(tx, work_item_id)
    if work is None:
        raise not_found("work item")
    agent = await at.visible_to(tx, caller)
    if agent is not None and work.queues.isdisjoint(agent.queues) and work.agent_id != agent.id:
        raise not_found("work item")
    return work


def _agent(agent_id: str, configuration: Configuration) -> Agent:
    agent = configuration.agents_by_id.get(agent_id)
    if agent is None:
        raise invalid_field("/agent_id", f"unknown agent {agent_id!r}")
    return agent


def _receiver(body: Transfer, configuration: Configuration) -> Agent | None:
    """The agent who gets the work, None when a queue does. Raises Problem 422 unless exactly one of them is known."""
    if (body.queue is None) == (body.agent_id is None):
        raise invalid_field("/queue", "give a queue or an agent_id")
    if body.agent_id is not None:
        return _agent(body.agent_id, configuration)
    if body.wait:
        raise invalid_field("/wait", "only with an agent_id: work waits in any queue")
    if body.queue not in configuration.queues:
        raise invalid_field("/queue", f"unknown queue {body.queue!r}")
    return None
