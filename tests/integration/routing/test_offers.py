"""Offers and assignments on a real PostgreSQL: nobody twice, nobody beyond capacity, nothing lost."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
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
from tests.conftest import NewDatabase
from tests.statements import counted

AGAIN = timedelta(seconds=60)


class Desk:
    """Routing without its doors: cases come in, agents act, time is given."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.configurations = Configurations()
        self.now = utc_now()

    async def load(self) -> None:
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, EXAMPLE.read_text(), "council.yaml", "test", self.now)
        await self.fire()  # the review that follows

    async def hear(self, *events: Event, at_once: bool = False) -> None:
        """`at_once`, new work is offered where nothing waits before it, as the service does; else a pass is to come."""
        async with self.engine.begin() as tx:
            batch = received(self.now, *events)
            await cases.hear(tx, batch, self.configurations, self.now, offering=at_once)

    async def present(self, agent: str, presence: str = Presence.AVAILABLE) -> None:
        async with self.engine.begin() as tx:
            force = (await self.configurations.in_force(tx)).configuration
            await presences.set_presence(tx, force.agents_by_id[agent], presence, "test", self.now, force)

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
            force = await self.configurations.in_force(tx)
            await offers.decline(tx, offer, agent, force, "busy", self.now)

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


@pytest.fixture
async def desk(new_database: NewDatabase) -> Desk:
    made = Desk(await new_database("routing"))
    await made.load()
    return made


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


async def test_02_of_many_accepts_of_one_offer_one_wins_and_no_capacity_leaks(desk: Desk) -> None:
    await desk.hear(opened(1, desk.now))
    await desk.present("elena")
    await desk.assign()
    (offer,) = (await desk.pending())["elena"]
    results = await asyncio.gather(*(desk.accept(offer, "elena") for _ in range(10)))
    assert sorted(results) == [200] + [409] * 9
    assert (await desk.rows("select count(*) as n from work_item where agent_id = 'elena'"))[0].n == 1


async def test_two_replicas_assign_at_once_and_no_item_is_offered_twice(desk: Desk) -> None:
    await desk.hear(*(opened(n, desk.now) for n in range(1, 31)))
    for agent in ("elena", "farid"):
        await desk.present(agent)
    await asyncio.gather(*(desk.assign() for _ in range(8)))
    await desk.assign()
    rows = await desk.rows("select work_item_id, count(*) as n from offer where result is null group by 1")
    assert len(rows) == 5  # capacity: elena 2, farid 3
    assert all(row.n == 1 for row in rows)


async def test_04_two_hundred_waiting_overnight_go_oldest_first_up_to_capacity(desk: Desk) -> None:
    cases = [opened(n, desk.now, waited=n) for n in range(1, 201)]
    await desk.hear(*cases[100:], *cases[:100])
    assert await desk.assign() == 0
    await desk.present("farid")
    taken: list[UUID] = []
    for _ in range(200):
        await desk.assign()
        for offer in (await desk.pending()).get("farid", []):
            assert await desk.accept(offer, "farid") == 200
        held = await desk.rows(
            "select case_id, queued_at from work_item where state = 'accepted' order by queued_at"
        )
        assert len(held) <= 3
        if not held:
            break
        done = next(case for case in cases if case.case.case_id == held[0].case_id)
        taken.append(held[0].case_id)
        await desk.hear(settled(done))
    waited = [case_id.int for case_id in taken]
    assert sorted(waited, reverse=True) == waited
    assert len(waited) == 200


async def test_05_an_offer_that_nobody_answers_ends_once_and_the_next_agent_is_tried(desk: Desk) -> None:
    await desk.hear(opened(1, desk.now, waited=7))
    await desk.present("elena")
    await desk.present("farid")
    await desk.assign()
    (silent,) = await desk.pending()
    (work,) = await desk.rows("select * from work_item")
    await _make_due(desk, "offer-expiry")
    assert sorted(await asyncio.gather(desk.fire(), desk.fire(), desk.fire())) == [0, 0, 1]
    (after,) = await desk.rows("select * from work_item")
    assert (after.state, after.queued_at, after.attempts) == ("queued", work.queued_at, 1)
    (agent,) = await desk.rows("select presence, missed from agent where agent_id = :a", a=silent)
    assert (agent.presence, agent.missed) == ("available", 1)
    await desk.assign()
    (other,) = await desk.pending()
    assert other != silent
    timed_out = await desk.rows("select 1 from outbox where headers like '%work.offer-timed-out.v1%'")
    assert len(timed_out) == 1


async def test_06_who_declines_is_not_asked_again_while_another_can_then_only_after_a_pause(
    desk: Desk,
) -> None:
    await desk.hear(opened(1, desk.now))
    await desk.present("elena")
    await desk.present("farid")
    declined: list[str] = []
    for _ in range(2):
        await desk.assign()
        ((agent, (offer,)),) = (await desk.pending()).items()
        await desk.decline(offer, agent)
        declined.append(agent)
    assert sorted(declined) == ["elena", "farid"]
    assert await desk.assign() == 0
    desk.now += AGAIN
    assert await desk.assign() == 1


async def test_an_agent_who_logs_off_loses_no_work(desk: Desk) -> None:
    await desk.hear(*(opened(n, desk.now, waited=n) for n in (1, 2)))
    await desk.present("elena")
    await desk.assign()
    first, _ = (await desk.pending())["elena"]
    await desk.accept(first, "elena")
    before = {row.work_item_id: row.queued_at for row in await desk.rows("select * from work_item")}
    await desk.present("elena", Presence.OFFLINE)
    rows = await desk.rows("select * from work_item")
    assert {row.state for row in rows} == {"queued"}
    assert {row.work_item_id: row.queued_at for row in rows} == before
    assert await desk.pending() == {}
    await desk.present("farid")
    assert await desk.assign() == 2


async def test_24_a_clock_that_ran_out_while_nobody_ran_breaches_late_but_once(desk: Desk) -> None:
    await desk.hear(opened(1, desk.now))
    (clock,) = await desk.rows("select * from clock where target = 'first-response'")
    desk.now = clock.due_at + timedelta(hours=1)
    await _make_due(desk, "sla-clock")
    assert sorted(await asyncio.gather(desk.fire(), desk.fire())) == [
        0,
        2,
    ]  # the clock of the resolution comes again: it has days left
    (clock,) = await desk.rows("select * from clock where target = 'first-response'")
    assert clock.breached_at == clock.due_at
    assert len(await desk.rows("select 1 from outbox where headers like '%sla.breached.v1%'")) == 1


@pytest.mark.parametrize(
    ("kind", "met"), [("agent", True), ("supervisor", True), ("system", False), ("integration", False)]
)
async def test_19_only_a_persons_answer_meets_the_target(desk: Desk, kind: str, met: bool) -> None:
    case = opened(1, desk.now)
    await desk.hear(case, settled(case), answered(case, desk.now, kind))
    (clock,) = await desk.rows("select * from clock where target = 'first-response'")
    assert (clock.met_at is not None) == met
    assert (not await desk.rows("select 1 from timer where kind = 'sla-clock'")) == met


async def test_a_case_settled_without_an_answer_stops_its_clock_and_says_so(desk: Desk) -> None:
    case = opened(1, desk.now)
    await desk.hear(case)
    await desk.hear(settled(case, "resolved", "a double", "set-by-person"))
    (clock,) = await desk.rows("select * from clock where target = 'first-response'")
    assert clock.cancelled_at is not None
    assert await desk.rows("select 1 from outbox where headers like '%sla.cancelled.v1%'")
    assert not await desk.rows("select 1 from timer where kind <> 'review'")


async def test_the_same_news_again_and_older_news_change_nothing(desk: Desk) -> None:
    case = opened(1, desk.now)
    await desk.hear(case, case)
    await desk.hear(settled(case))
    await desk.hear(case)
    assert [row.state for row in await desk.rows("select state from work_item")] == ["completed"]
    assert len(await desk.rows("select 1 from outbox where headers like '%work.queued.v1%'")) == 1


async def test_an_answer_that_is_heard_before_its_case_stops_the_clock(desk: Desk) -> None:
    case = opened(1, desk.now)
    await desk.hear(answered(case, desk.now))
    await desk.hear(case, settled(case))
    (clock,) = await desk.rows("select * from clock where target = 'first-response'")
    assert clock.met_at == desk.now
    assert await desk.rows("select 1 from timer where kind <> 'review'") == []


async def test_a_batch_of_500_takes_as_many_statements_as_one_of_5(desk: Desk) -> None:
    await desk.hear(opened(5000, desk.now))  # the first to need the configuration reads it
    counts: list[int] = []
    for start, size in ((1, 5), (1000, 500)):
        with counted(desk.engine) as statements:
            await desk.hear(*(opened(start + n, desk.now) for n in range(size)))
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert (await desk.rows("select count(*) as n from work_item"))[0].n == 506


async def _make_due(desk: Desk, kind: str) -> None:
    async with desk.engine.begin() as tx:
        await tx.execute(
            text("update timer set due_at = now() - interval '1 hour' where kind = :k"), {"k": kind}
        )
