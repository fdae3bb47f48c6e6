"""Routing without its entry points, on a real PostgreSQL: cases come in, agents act, time is given."""

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

AGAIN = timedelta(seconds=60)


class Harness:
    """Routing without its doors: cases come in, agents act, time is given."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.configurations = Configurations()
        self.now = utc_now()

    async def load(self) -> None:
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, EXAMPLE.read_text(), "council.yaml", "test", self.now)
        await self.fire()  # the review that follows

    async def apply(self, *events: Event, at_once: bool = False) -> None:
        """`at_once`, new work is offered where nothing waits before it, as the service does; else a pass is to come."""
        async with self.engine.begin() as tx:
            batch = received(self.now, *events)
            await cases.apply(tx, batch, self.configurations, self.now, offering=at_once)

    async def present(self, agent: str, presence: str = Presence.AVAILABLE) -> None:
        async with self.engine.begin() as tx:
            active = (await self.configurations.active(tx)).configuration
            await presences.set_presence(tx, active.agents_by_id[agent], presence, "test", self.now, active)

    async def assign(self) -> int:
        async with self.engine.begin() as tx:
            return await assignment.assign(tx, self.configurations, AGAIN, self.now)

    async def fire(self) -> int:
        """Each kind that is due fires, but not what they set in turn: how many timers."""
        fired = 0
        for _ in await self.rows("select distinct kind from timer where due_at <= now()"):
            async with self.engine.begin() as tx:
                fired += await timers.fire(tx, self.configurations, self.now)
        return fired

    async def accept(self, offer: UUID, agent: str) -> int:
        try:
            async with self.engine.begin() as tx:
                await offers.accept(tx, offer, agent, self.now)
        except Problem as problem:
            return problem.status
        return 200

    async def decline(self, offer: UUID, agent: str) -> None:
        async with self.engine.begin() as tx:
            active = await self.configurations.active(tx)
            await offers.decline(tx, offer, agent, active, "busy", self.now)

    async def rows(self, query: str, **given: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query), given)).all())

    async def pending(self) -> dict[str, list[UUID]]:
        found: dict[str, list[UUID]] = {}
        for row in await self.rows(
            "select agent_id, offer_id from offer where result is null order by offered_at"
        ):
            found.setdefault(row.agent_id, []).append(row.offer_id)
        return found


def received(now: datetime, *events: Event) -> list[Received]:
    return [
        Received(event, Envelope(str(uuid4()), "/test", event.type, None, now, None), "cases", 0, place)
        for place, event in enumerate(events)
    ]


def opened(number: int, now: datetime, department: str = "planning", waited: int = 0) -> CaseOpened:
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    since = now - timedelta(minutes=waited)
    case = event.case.model_copy(
        update={"case_id": UUID(int=number), "reference": f"C-{number}", "department": department,
                "awaiting_answer_since": since}
    )  # fmt: skip
    return event.model_copy(update={"case": case})


def settled(
    event: CaseOpened,
    status: str = "pending",
    reason: str = "an answer was written",
    trigger: str = "reply-requested",
) -> CaseStatusChanged:
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


def answered(event: CaseOpened, at: datetime, kind: str = "agent") -> ReplySent:
    return ReplySent(
        reply_id=uuid4(), case_id=event.case.case_id, channel="email", native_ids=["<x>"],
        author=Actor(kind=kind, id="elena"), sent_at=at,
    )  # fmt: skip
