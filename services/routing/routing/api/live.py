"""How queues, work, offers and clocks stand now, and what changes."""

from typing import Annotated

from fastapi import APIRouter, Header
from sqlalchemy import text

from antiphon.access import Role
from antiphon.changes import EVERYTHING, EventStream, Interest
from antiphon.pages import Page
from routing import store
from routing.api.views import Counter, Counts, QueueView, Reader, Routing


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/queues", tags=["queues"])
    async def list_queues(who: Reader) -> Page[QueueView]:
        """Every queue as it stands now."""
        del who
        async with at.engine.connect() as connection:
            force = await at.force(connection)
            rows = await connection.execute(
                text(
                    "select queue, count(*) filter (where state = 'queued') as waiting, "
                    "count(*) filter (where state = 'offered') as offered, "
                    "count(*) filter (where state = 'accepted') as accepted, "
                    "min(queued_at) filter (where state = 'queued') as oldest_queued_at, "
                    "min(due_at) filter (where state <> 'accepted') as next_due_at "
                    "from work_item where state <> 'completed' group by queue"
                )
            )
            now = {row.queue: row for row in rows}
            present = await store.agents(connection)
        there = [
            a for a in force.configuration.agents if (p := present.get(a.id)) and p.presence == "available"
        ]
        return Page(
            items=[
                QueueView(
                    queue=key,
                    name=queue.name,
                    waiting=now[key].waiting if key in now else 0,
                    offered=now[key].offered if key in now else 0,
                    accepted=now[key].accepted if key in now else 0,
                    oldest_queued_at=now[key].oldest_queued_at if key in now else None,
                    next_due_at=now[key].next_due_at if key in now else None,
                    agents_available=sum(key in agent.queues for agent in there),
                )
                for key, queue in force.configuration.queues.items()
            ],
            next=None,
        )

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """How work, offers and clocks stand."""
        del who
        async with at.engine.connect() as connection:
            work = await connection.execute(text("select state, count(*) from work_item group by state"))
            offers = await connection.execute(
                text("select coalesce(result, 'pending'), count(*) from offer group by 1")
            )
            clocks = await connection.execute(
                text(
                    "select case when cancelled_at is not null then 'cancelled' when met_at > due_at then 'met late' "
                    "when met_at is not null then 'met' when breached_at is not null then 'breached' else 'running' end, "
                    "count(*) from clock group by 1"
                )
            )
            dead = await connection.scalar(text("select count(*) from dead_letter where replayed_at is null"))
        return Counts(
            work={str(k): int(n) for k, n in work},
            offers={str(k): int(n) for k, n in offers},
            clocks={str(k): int(n) for k, n in clocks},
            dead_letters=dead or 0,
        )

    @routes.get("/changes", tags=["live"], response_class=EventStream)
    async def follow(
        who: Reader, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> EventStream:
        """Server-sent events `offer`, `offer-ended`, `work`, `presence`, `sla-breached`; resumes by Last-Event-ID.

        An agent gets their own offers and the work of their queues; others get all.
        """
        interest = EVERYTHING
        if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
            async with at.engine.connect() as connection:
                agent = await at.agent(connection, who)
            interest = Interest(
                frozenset({f"agent:{agent.id}", *(f"queue:{queue}" for queue in agent.queues)})
            )
        return EventStream(at.feed.stream(last_event_id, interest))
