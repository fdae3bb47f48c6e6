"""Offers and their ends, on a real PostgreSQL: no item has two offers, and no agent exceeds their capacity."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from routing.work import offers
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import AGAIN_AFTER, Harness, opened, reply_sent, status_changed
from tests.support.routing.organisation import queue
from tests.support.statements import counted


@pytest.fixture
async def harness(new_database: NewDatabase) -> Harness:
    made = Harness(await new_database("routing"))
    await made.load()
    return made


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    return AgentPool(await new_database("routing"))


async def test_02_of_many_accepts_of_one_offer_one_wins_and_no_capacity_leaks(harness: Harness) -> None:
    await harness.apply(opened(1, harness.now))
    await harness.present("elena")
    await harness.assign()
    (offer,) = (await harness.pending())["elena"]
    results = await asyncio.gather(*(harness.accept(offer, "elena") for _ in range(10)))
    assert sorted(results) == [200] + [409] * 9
    assert (await harness.rows("select count(*) as n from work_item where agent_id = 'elena'"))[0].n == 1


async def test_two_replicas_assign_at_once_and_no_item_is_offered_twice(harness: Harness) -> None:
    await harness.apply(*(opened(n, harness.now) for n in range(1, 31)))
    for agent in ("elena", "farid"):
        await harness.present(agent)
    await asyncio.gather(*(harness.assign() for _ in range(8)))
    await harness.assign()
    rows = await harness.rows("select work_item_id, count(*) as n from offer where result is null group by 1")
    assert len(rows) == 5  # capacity: elena 2, farid 3
    assert all(row.n == 1 for row in rows)


async def test_04_two_hundred_items_after_a_night_go_oldest_first_up_to_capacity(harness: Harness) -> None:
    cases = [opened(n, harness.now, waited=n) for n in range(1, 201)]
    await harness.apply(*cases[100:], *cases[:100])
    assert await harness.assign() == 0
    await harness.present("farid")
    accepted: list[UUID] = []
    for _ in range(200):
        await harness.assign()
        for offer in (await harness.pending()).get("farid", []):
            assert await harness.accept(offer, "farid") == 200
        held = await harness.rows(
            "select case_id, queued_at from work_item where state = 'accepted' order by queued_at"
        )
        assert len(held) <= 3
        if not held:
            break
        done = next(case for case in cases if case.case.case_id == held[0].case_id)
        accepted.append(held[0].case_id)
        await harness.apply(status_changed(done))
    waited = [case_id.int for case_id in accepted]
    assert sorted(waited, reverse=True) == waited
    assert len(waited) == 200


async def test_05_an_unanswered_offer_expires_once_and_another_agent_is_asked(
    harness: Harness,
) -> None:
    await harness.apply(opened(1, harness.now, waited=7))
    await harness.present("elena")
    await harness.present("farid")
    await harness.assign()
    (asked,) = await harness.pending()
    (work,) = await harness.rows("select * from work_item")
    await _make_due(harness, "offer-expiry")
    assert sorted(await asyncio.gather(harness.fire(), harness.fire(), harness.fire())) == [0, 0, 1]
    (after,) = await harness.rows("select * from work_item")
    assert (after.state, after.queued_at, after.attempts) == ("queued", work.queued_at, 1)
    (agent,) = await harness.rows("select presence, missed from agent where agent_id = :a", a=asked)
    assert (agent.presence, agent.missed) == ("available", 1)
    await harness.assign()
    (other,) = await harness.pending()
    assert other != asked
    timed_out = await harness.rows("select 1 from outbox where headers like '%work.offer-timed-out.v1%'")
    assert len(timed_out) == 1


async def test_06_an_agent_who_declines_is_asked_again_after_all_others_and_a_pause(
    harness: Harness,
) -> None:
    await harness.apply(opened(1, harness.now))
    await harness.present("elena")
    await harness.present("farid")
    declined: list[str] = []
    for _ in range(2):
        await harness.assign()
        ((agent, (offer,)),) = (await harness.pending()).items()
        await harness.decline(offer, agent)
        declined.append(agent)
    assert sorted(declined) == ["elena", "farid"]
    assert await harness.assign() == 0
    harness.now += AGAIN_AFTER
    assert await harness.assign() == 1


async def test_the_work_of_an_agent_who_goes_offline_is_queued_again_at_its_place(harness: Harness) -> None:
    await harness.apply(*(opened(n, harness.now, waited=n) for n in (1, 2)))
    await harness.present("elena")
    await harness.assign()
    first, _ = (await harness.pending())["elena"]
    await harness.accept(first, "elena")
    before = {row.work_item_id: row.queued_at for row in await harness.rows("select * from work_item")}
    await harness.present("elena", Presence.OFFLINE)
    rows = await harness.rows("select * from work_item")
    assert {row.state for row in rows} == {"queued"}
    assert {row.work_item_id: row.queued_at for row in rows} == before
    assert await harness.pending() == {}
    await harness.present("farid")
    assert await harness.assign() == 2


async def test_24_a_clock_that_ran_out_while_routing_was_down_breaches_late_but_once(
    harness: Harness,
) -> None:
    await harness.apply(opened(1, harness.now))
    (clock,) = await harness.rows("select * from clock where target = 'first-response'")
    harness.now = clock.due_at + timedelta(hours=1)
    await _make_due(harness, "sla-clock")
    assert sorted(await asyncio.gather(harness.fire(), harness.fire())) == [
        0,
        2,
    ]  # the clock of the resolution is set again: it has days left
    (clock,) = await harness.rows("select * from clock where target = 'first-response'")
    assert clock.breached_at == clock.due_at
    assert len(await harness.rows("select 1 from outbox where headers like '%sla.breached.v1%'")) == 1


@pytest.mark.parametrize(
    ("kind", "met"), [("agent", True), ("supervisor", True), ("system", False), ("integration", False)]
)
async def test_19_only_a_persons_answer_meets_the_target(harness: Harness, kind: str, met: bool) -> None:
    case = opened(1, harness.now)
    await harness.apply(case, status_changed(case), reply_sent(case, harness.now, kind))
    (clock,) = await harness.rows("select * from clock where target = 'first-response'")
    assert (clock.met_at is not None) == met
    assert (not await harness.rows("select 1 from timer where kind = 'sla-clock'")) == met


async def test_a_case_resolved_without_an_answer_cancels_its_clock_with_an_event(harness: Harness) -> None:
    case = opened(1, harness.now)
    await harness.apply(case)
    await harness.apply(status_changed(case, "resolved", "a duplicate", "set-by-person"))
    (clock,) = await harness.rows("select * from clock where target = 'first-response'")
    assert clock.cancelled_at is not None
    assert await harness.rows("select 1 from outbox where headers like '%sla.cancelled.v1%'")
    assert not await harness.rows("select 1 from timer where kind <> 'review'")


async def test_repeated_and_older_events_change_nothing(harness: Harness) -> None:
    case = opened(1, harness.now)
    await harness.apply(case, case)
    await harness.apply(status_changed(case))
    await harness.apply(case)
    assert [row.state for row in await harness.rows("select state from work_item")] == ["completed"]
    assert len(await harness.rows("select 1 from outbox where headers like '%work.queued.v1%'")) == 1


async def test_an_answer_that_arrives_before_its_case_meets_the_target(harness: Harness) -> None:
    case = opened(1, harness.now)
    await harness.apply(reply_sent(case, harness.now))
    await harness.apply(case, status_changed(case))
    (clock,) = await harness.rows("select * from clock where target = 'first-response'")
    assert clock.met_at == harness.now
    assert await harness.rows("select 1 from timer where kind <> 'review'") == []


async def test_a_batch_of_500_takes_as_many_statements_as_one_of_5(harness: Harness) -> None:
    await harness.apply(opened(5000, harness.now))  # this batch reads the configuration
    counts: list[int] = []
    for start, size in ((1, 5), (1000, 500)):
        with counted(harness.engine) as statements:
            await harness.apply(*(opened(start + n, harness.now) for n in range(size)))
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert (await harness.rows("select count(*) as n from work_item"))[0].n == 506


async def test_an_offer_that_is_extended_as_it_expires_is_either_over_or_waits_on(pool: AgentPool) -> None:
    await pool.organise(queue("planning", extend_offer={"times": 100}))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    (offer,) = (await pool.pending())["elena"]

    async def extend() -> Kind | None:
        try:
            async with pool.engine.begin() as tx:
                await offers.extend(tx, offer, "elena", await pool.active(tx), pool.now)
        except Problem as problem:
            return problem.kind
        return None

    assert await extend() is None
    await _make_due(pool, "offer-expiry")
    results = await asyncio.gather(*(each() for _ in range(5) for each in (extend, pool.fire)))
    assert set(results[::2]) <= {None, Kind.OFFER_OVER}
    (row,) = await pool.rows("select * from offer")
    timers = await pool.rows("select due_at from timer where kind = 'offer-expiry'")
    assert [timer.due_at for timer in timers] == ([] if row.result else [row.expires_at])


async def _make_due(harness: Harness, kind: str) -> None:
    async with harness.engine.begin() as tx:
        await tx.execute(
            text("update timer set due_at = now() - interval '1 hour' where kind = :k"), {"k": kind}
        )
