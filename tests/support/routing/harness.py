"""Routing without its entry points, on a real PostgreSQL: a test applies events, acts for agents and sets the time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.contracts import generate
from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor, Event
from antiphon.contracts.cases import CaseOpened, CaseStatusChanged
from antiphon.contracts.envelope import Envelope
from antiphon.contracts.replies import ReplySent
from antiphon.http.problems import Problem
from antiphon.kafka.consumer import Received
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from routing import timers
from routing.agents import presence as presences
from routing.configuration.active import Configurations
from routing.intake import cases
from routing.work import assignment, offers

AGAIN_AFTER = timedelta(seconds=60)
"""The pause before an agent is offered again what they declined."""


class Harness:
    """Routing without its entry points. Each method is a transaction; `now` is the time that it gets."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.configurations = Configurations()
        self.now = utc_now()

    async def load(self) -> None:
        """Activates the example organisation, and runs the review of open work that follows."""
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, EXAMPLE.read_text(), "council.yaml", "test", self.now)
        await self.fire()

    async def apply(self, *events: Event, at_once: bool = False) -> None:
        """Applies events as one batch. With `at_once` it offers new work before which nothing waits, as the service does."""
        async with self.engine.begin() as tx:
            batch = received(self.now, *events)
            await cases.apply(tx, batch, self.configurations, self.now, offering=at_once)

    async def present(self, agent: str, presence: str = Presence.AVAILABLE) -> None:
        """The agent sets their presence."""
        async with self.engine.begin() as tx:
            active = (await self.configurations.active(tx, self.now)).configuration
            await presences.set_presence(tx, active.agents_by_id[agent], presence, "test", self.now, active)

    async def assign(self) -> int:
        """Runs one pass of the assignment; returns the number of offers."""
        async with self.engine.begin() as tx:
            return await assignment.assign(tx, self.configurations, AGAIN_AFTER, self.now)

    async def fire(self) -> int:
        """Fires the timers of each kind that is due now, once a kind. Returns how many timers fired."""
        fired = 0
        for _ in await self.rows("select distinct kind from timer where due_at <= now()"):
            async with self.engine.begin() as tx:
                fired += await timers.fire(tx, self.configurations, self.now)
        return fired

    async def accept(self, offer: UUID, agent: str) -> int:
        """The agent accepts an offer: 200, or the status of a refusal."""
        try:
            async with self.engine.begin() as tx:
                await offers.accept(tx, offer, agent, self.now)
        except Problem as problem:
            return problem.status
        return 200

    async def decline(self, offer: UUID, agent: str) -> None:
        """The agent declines an offer. Raises Problem when they may not."""
        async with self.engine.begin() as tx:
            active = await self.configurations.active(tx, self.now)
            await offers.decline(tx, offer, agent, active, "busy", self.now)

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        """The rows of a query."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query), parameters)).all())

    async def pending(self) -> dict[str, list[UUID]]:
        """The ids of pending offers by agent, the oldest first."""
        offers_by_agent: dict[str, list[UUID]] = {}
        for row in await self.rows(
            "select agent_id, offer_id from offer where result is null order by offered_at"
        ):
            offers_by_agent.setdefault(row.agent_id, []).append(row.offer_id)
        return offers_by_agent


def received(now: datetime, *events: Event) -> list[Received]:
    """Events as the consumer receives them, one offset after the other."""
    return [
        Received(event, Envelope(str(uuid4()), "/test", event.type, None, now, None), "cases", 0, offset)
        for offset, event in enumerate(events)
    ]


def opened(number: int, now: datetime, department: str = "planning", waited: int = 0) -> CaseOpened:
    """The event of case `C-{number}`, whose customer has waited for so many minutes."""
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    since = now - timedelta(minutes=waited)
    case = event.case.model_copy(
        update={"case_id": UUID(int=number), "reference": f"C-{number}", "department": department,
                "awaiting_answer_since": since}
    )  # fmt: skip
    return event.model_copy(update={"case": case})


def status_changed(
    event: CaseOpened,
    status: str = "pending",
    reason: str = "an answer was written",
    trigger: str = "reply-requested",
) -> CaseStatusChanged:
    """The event that ends the need for an answer: by default an agent wrote one."""
    case = event.case.model_copy(
        update={"status": status, "awaiting_answer_since": None, "revision": event.case.revision + 1}
    )
    return CaseStatusChanged(
        case=case,
        previous="open",
        by=Actor(kind="agent", id="elena"),
        trigger=trigger,
        reason=reason,
    )


def reply_sent(event: CaseOpened, at: datetime, kind: str = "agent") -> ReplySent:
    """The event that the channel took an answer by an author of this kind."""
    return ReplySent(
        reply_id=uuid4(), case_id=event.case.case_id, channel="email", native_ids=["<x>"],
        author=Actor(kind=kind, id="elena"), sent_at=at,
    )  # fmt: skip
