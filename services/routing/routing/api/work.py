"""Offers and work: taken, declined, handed on, and why it is where it is."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import select

from antiphon.access.roles import Role
from antiphon.contracts.work import WorkState
from antiphon.http.app import Words
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.problems import not_found, problems
from routing import store
from routing.api.views import (
    AgentOnly,
    Completion,
    Cursor,
    Decline,
    Limit,
    Name,
    OfferView,
    Reader,
    Routing,
    Transfer,
    Worker,
    WorkView,
    WorkWhole,
    work_view,
    wrong,
)
from routing.work import explain, handling, offers


def add(routes: APIRouter, at: Routing) -> None:  # noqa: C901, PLR0915
    """Adds the routes."""

    @routes.get("/offers/me", tags=["offers"])
    async def my_offers(who: AgentOnly) -> Page[OfferView]:
        """The offers that wait for my answer, the first to expire first."""
        o, w = store.offers.OFFER, store.work_items.WORK
        async with at.engine.connect() as connection:
            await at.agent(connection, who)
            rows = await connection.execute(
                select(o.c.offer_id, o.c.expires_at, w)
                .join(w, w.c.work_item_id == o.c.work_item_id)
                .where(w.c.agent_id == who.subject, w.c.state == WorkState.OFFERED)
                .where(o.c.result.is_(None), o.c.expires_at > at.clock())
                .order_by(o.c.expires_at)
            )
            items = [
                OfferView(
                    offer_id=row.offer_id,
                    expires_at=row.expires_at,
                    work=WorkView.model_validate(row, from_attributes=True),
                )
                for row in rows
            ]
        return Page(items=items, next=None)

    @routes.post("/offers/{offer_id}/accept", tags=["offers"], responses=problems(404, 409))
    async def accept(offer_id: UUID, who: AgentOnly) -> WorkView:
        """I take it. Too late, or somebody else has it: 409 with who."""
        async with at.engine.begin() as tx:
            return work_view(await offers.accept(tx, offer_id, who.subject, at.clock()))

    @routes.post("/offers/{offer_id}/decline", tags=["offers"], responses=problems(400, 403, 404, 409))
    async def decline(offer_id: UUID, given: Decline, who: AgentOnly) -> WorkView:
        """I don't: it goes back to its place, and others are asked before I am again."""
        async with at.engine.begin() as tx:
            active = await at.active(tx)
            return work_view(
                await offers.decline(tx, offer_id, who.subject, active, given.reason, at.clock())
            )

    @routes.get("/work", tags=["work"], responses=problems(400))
    async def list_work(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, queue: Name = None,
        state: Literal["queued", "offered", "accepted", "completed"] | None = None,
        assignee: Annotated[Words | None, Query(max_length=200, description="An agent's id, or `me`.")] = None,
    ) -> Page[WorkView]:  # fmt: skip
        """Work, the newest change first. An agent sees their own and that of their queues."""
        w = store.work_items.WORK.c
        query = select(store.work_items.WORK)
        by = who.subject if assignee == "me" else assignee
        for column, value in ((w.queue, queue), (w.state, state), (w.agent_id, by)):
            if value is not None:
                query = query.where(column == value)
        keyset = KeysetPage(w.changed_at, w.work_item_id)
        async with at.engine.connect() as connection:
            if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
                agent = await at.agent(connection, who)
                query = query.where(
                    w.queue.in_(agent.queues) | w.also_queues.overlap(agent.queues) | (w.agent_id == agent.id)
                )
            rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
        return keyset.page(rows, limit, partial(WorkView.model_validate, from_attributes=True))

    @routes.get("/work/{work_item_id}", tags=["work"], responses=problems(404))
    async def get_work(work_item_id: UUID, who: Reader) -> WorkWhole:
        """One work item: which rule put it there, who could take it, and why it still waits."""
        async with at.engine.connect() as connection:
            active = await at.active(connection)
            work = await store.work_items.work_item(connection, work_item_id)
            if work is None:
                raise not_found("work item")
            if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
                agent = await at.agent(connection, who)
                if work.queues.isdisjoint(agent.queues) and work.agent_id != agent.id:
                    raise not_found("work item")
            told = await explain.explain(connection, work, active, at.clock())
        return WorkWhole(**work_view(work).model_dump(), **told)

    @routes.post("/work/{work_item_id}/complete", tags=["work"], responses=problems(400, 404, 409))
    async def complete(work_item_id: UUID, given: Completion, who: Worker) -> WorkView:
        """Nothing more is to be done for now, although the case was not answered."""
        async with at.engine.begin() as tx:
            anyones = who.has(Role.SUPERVISOR)
            return work_view(
                await handling.complete(
                    tx,
                    work_item_id,
                    who.actor(),
                    await at.active(tx),
                    given.reason,
                    anyones=anyones,
                    now=at.clock(),
                )
            )

    @routes.post("/work/{work_item_id}/transfer", tags=["work"], responses=problems(400, 404, 409))
    async def transfer(work_item_id: UUID, given: Transfer, who: Worker) -> WorkView:
        """Hands the work to another queue, or offers it to one agent; a supervisor anybody's, an agent their own."""
        async with at.engine.begin() as tx:
            active = await at.active(tx)
            agent = active.configuration.agents_by_id.get(given.agent_id or "")
            if (given.queue is None) == (given.agent_id is None):
                raise wrong("/queue", "give a queue or an agent_id")
            if given.queue is not None and given.queue not in active.configuration.queues:
                raise wrong("/queue", f"unknown queue {given.queue!r}")
            if given.agent_id is not None and agent is None:
                raise wrong("/agent_id", f"unknown agent {given.agent_id!r}")
            return work_view(
                await handling.transfer(
                    tx, work_item_id, who.actor(), active, queue=given.queue, agent=agent, note=given.note,
                    anyones=who.has(Role.SUPERVISOR), now=at.clock(),
                )
            )  # fmt: skip
