"""How queues, work, offers and clocks stand now, and what changes."""

from typing import Annotated

from fastapi import APIRouter, Header
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.http.changes import EVERYTHING, EventStream, Interest
from routing.api.views import Counter, Counts, Overseer, Reader, Routing
from routing.queues.live import LiveState


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""

    @routes.get("/live", tags=["live"])
    async def live(who: Overseer) -> LiveState:
        """Queues and agents as they stand now, for wallboards; at most a second old."""
        del who
        return await at.live.now()

    @routes.get("/live/changes", tags=["live"], response_class=EventStream)
    async def follow_live(who: Overseer) -> EventStream:
        """Server-sent events `live`: the whole of `GET /live` at once, and again whenever it is another."""
        del who
        return EventStream(at.live.stream())

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
        """Server-sent events `offer`, `offer-ended`, `work`, `presence`, `queue-state`, `agent-unavailable`, `sla-warned`, `sla-breached`; resumes by Last-Event-ID.

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
