"""Overflow, on a real PostgreSQL: work of closed, full and removed queues and of removed agents."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from antiphon.contracts.queues import QueueState
from antiphon.process.clock import utc_now
from routing.domain.timer import TimerKind
from routing.work import review
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import Json, queue, rule_then, section
from tests.support.routing.queues import closed_now, put_state
from tests.support.routing.work import timers, work


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


async def test_12_work_for_a_closed_queue_overflows_and_its_explanation_says_why(pool: AgentPool) -> None:
    await pool.organise(*closed_now(pool, outside_hours={"overflow": "front-desk"}))
    await pool.apply(opened(1, pool.now))
    item = await work(pool)
    assert (item.queue, item.skills, item.prefer_skills) == ("front-desk", {}, {"planning": 3})
    why = await pool.why("C-1")
    (overflow,) = why["escalations"]
    assert overflow.kind == "overflow"
    assert overflow.what.startswith("Planning is outside its hours until ")
    assert overflow.what.endswith("; so it waits in Front desk")
    assert (await pool.decision("C-1")).rule == "Planning"
    (queued,) = await pool.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.queued%'"
    )
    assert "Planning is outside its hours" in queued.v
    assert await pool.count_events("work.held.v1") == 0


async def test_12_work_for_a_full_queue_overflows_within_one_batch_too(pool: AgentPool) -> None:
    await pool.organise(queue("planning", limit={"waiting": 2, "overflow": "front-desk"}))
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)))
    await pool.apply(opened(4, pool.now))
    assert [(await work(pool, f"C-{n}")).queue for n in (1, 2, 3, 4)] == ["planning"] * 2 + ["front-desk"] * 2
    assert (await pool.why("C-4"))["escalations"][
        0
    ].what == "Planning is full: 2 wait; so it waits in Front desk"


async def test_12_work_that_a_rule_says_never_overflows_stays(pool: AgentPool) -> None:
    await pool.organise(
        *closed_now(pool, outside_hours={"overflow": "front-desk"}),
        rule_then("Planning", overflow="never"),
    )
    await pool.apply(opened(1, pool.now))
    assert (await work(pool)).queue == "planning"
    await pool.make_due(TimerKind.REVIEW)
    assert (await work(pool)).queue == "planning"
    await pool.organise(
        *closed_now(pool, outside_hours={"overflow": "front-desk"}),
        rule_then("Planning", overflow="social-care"),
    )
    await pool.apply(opened(2, pool.now))
    assert (await work(pool, "C-2")).queue == "social-care"


async def test_work_held_outside_hours_is_published_with_the_text_for_the_customer(pool: AgentPool) -> None:
    await pool.organise(*closed_now(pool, outside_hours={"acknowledge": "We open at eight."}))
    await pool.apply(opened(1, pool.now), opened(2, pool.now, department="rates"))
    (held,) = await pool.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.held%'"
    )
    assert '"acknowledge":"We open at eight."' in held.v
    assert '"meant_for":"Planning"' in held.v
    assert '"case_reference":"C-1"' in held.v


@pytest.mark.parametrize("by_hand", [True, False])
async def test_waiting_work_overflows_when_its_queue_closes(pool: AgentPool, by_hand: bool) -> None:
    settings = {"overflow": "front-desk"}
    if by_hand:
        await pool.organise(queue("planning", outside_hours=settings))
        await pool.apply(*(opened(n, pool.now) for n in (1, 2)))
        await put_state(pool, "planning", QueueState.CLOSED, "burst pipe")
    else:
        await pool.organise(_open_until_midnight, queue("planning", hours="until", outside_hours=settings))
        await pool.apply(*(opened(n, pool.now) for n in (1, 2)))
        await pool.make_due(TimerKind.REVIEW)
        (closes,) = await timers(pool, TimerKind.REVIEW)
        assert closes == (pool.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        assert (await work(pool)).queue == "planning"
        pool.now = closes
    await pool.make_due(TimerKind.REVIEW)
    assert {row.queue for row in (await pool.works()).values()} == {"front-desk"}
    assert await pool.count_events("work.transferred.v1") == 2


def _open_until_midnight(organisation: Json) -> None:
    today = f"{utc_now():%A}".lower()
    hours = {today: ["00:00-24:00"]}
    organisation["calendars"]["until"] = {"name": "Today", "time_zone": "UTC", "hours": hours}


def without_planning(organisation: Json) -> None:
    del organisation["queues"]["planning"]
    organisation["rules"] = [r for r in organisation["rules"] if r["then"]["queue"] != "planning"]
    for agent in organisation["people"]:
        agent["queues"] = [name for name in agent.get("queues", []) if name != "planning"]


async def test_work_of_a_removed_queue_moves_to_the_fallback_queue_with_its_reason(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)))
    await pool.present("farid")
    assert await pool.assign() == 3
    (first, second, _) = (await pool.pending())["farid"]
    assert await pool.accept(first, "farid") == 200
    await pool.decline(second, "farid")
    await pool.organise(without_planning, section("fallback_queue", "front-desk"))
    await pool.make_due(TimerKind.REVIEW)
    works = await pool.works()
    assert {row.queue for row in works.values()} == {"front-desk"}
    assert sorted(row.state for row in works.values()) == sorted([ACCEPTED, OFFERED, QUEUED])
    for row in works.values():
        (moved,) = (await pool.why(row.case_reference))["escalations"]
        assert (moved.kind, moved.what) == (
            "moved",
            "there is no queue 'planning' any more; so it waits in Front desk",
        )


async def test_the_work_of_a_removed_agent_is_queued_again_at_its_place(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now) for n in (1, 2)))
    await pool.present("elena")
    await pool.assign()
    (first, _) = (await pool.pending())["elena"]
    assert await pool.accept(first, "elena") == 200

    def without_elena(organisation: Json) -> None:
        organisation["people"] = [agent for agent in organisation["people"] if agent["id"] != "elena"]

    await pool.organise(without_elena)
    await pool.make_due(TimerKind.REVIEW)
    works = await pool.works()
    assert {(row.state, row.agent_id) for row in works.values()} == {(QUEUED, None)}
    assert await pool.pending() == {}
    rows = await pool.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%requeued%'"
    )
    assert all('"reason":"elena is no longer an agent"' in row.v for row in rows)
    await pool.present("farid")
    assert await pool.assign() == 2


async def test_work_whose_whole_overflow_chain_is_closed_waits_in_its_first_queue(pool: AgentPool) -> None:
    """As with the fallback departments of Rocket.Chat; a configuration with an overflow cycle is refused when it is read."""
    await pool.organise(
        queue("planning", outside_hours={"overflow": "roads"}),
        queue("roads", outside_hours={"overflow": "rates"}),
    )
    for name in ("planning", "roads", "rates"):
        await put_state(pool, name, QueueState.CLOSED)
    await pool.apply(opened(1, pool.now))
    why = await pool.why("C-1")
    assert ((await work(pool)).queue, why["waiting_for"]) == ("planning", "queue")


async def test_a_review_reads_open_work_only(pool: AgentPool) -> None:
    unplanned = str(review.UNPLANNED.text).replace(":limit", "200")
    for name in ("queues", "steps_hashes"):
        unplanned = unplanned.replace(f":{name}", "'{planning}'::text[]")
    async with pool.engine.begin() as tx:
        await tx.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(str(row[0]) for row in await tx.execute(text(f"explain {unplanned}")))
    # Both indexes have open work only; the planner may take either.
    assert "work_item_one_open_per_case_key" in plan or "work_item_due_ix" in plan, plan
