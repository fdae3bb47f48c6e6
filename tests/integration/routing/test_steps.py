"""Steps of a queue that waiting work takes, and the reasons that are given why work waits."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from routing.domain.timer import TimerKind
from routing.work import handling
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import QUEUED, SUPERVISOR, AgentPool
from tests.support.routing.harness import opened, status_changed
from tests.support.routing.organisation import Change, Json, agent, queue, section
from tests.support.routing.queues import put_state
from tests.support.routing.work import timers, work

SKILLS = {"lang-de": "German", "product": "The product"}


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise()
    return made


def planning_needs(**skills: int) -> Change:
    """Work of planning needs these skills at these levels."""

    def change(organisation: Json) -> None:
        organisation["skills"] |= SKILLS
        rule = next(rule for rule in organisation["rules"] if rule["name"] == "Planning")
        rule["then"]["skills"] = {name.replace("_", "-"): level for name, level in skills.items()}

    return change


async def pass_time(pool: AgentPool, **duration: float) -> int:
    """Advances the time, and takes the steps that are due by then. Returns how many timers fired."""
    pool.now += timedelta(**duration)
    due = "update timer set due_at = now() - interval '1 s' where kind = 'step' and due_at <= :now"
    async with pool.engine.begin() as tx:
        await tx.execute(text(due), {"now": pool.now})
    return await pool.fire()


RELAX = [{"after": "60s", "lower": {"lang-de": 3}}, {"after": "120s", "needs": {}}]


async def test_07_skills_are_relaxed_at_their_time_and_a_restart_does_not_delay_them(
    pool: AgentPool,
) -> None:
    relaxed = (
        planning_needs(lang_de=4, product=2),
        queue("planning", steps=RELAX),
        agent("elena", skills={"lang-de": 3, "product": 2}),
        agent("farid", skills={}),
    )
    await pool.organise(*relaxed)
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assert await pool.assign() == 0
    began = (await work(pool)).queued_at
    why = await pool.why("C-1")
    assert why["waiting_for"] == "skill"
    assert [(c.step, c.at, c.what) for c in why["coming"] if c.kind == "step"] == [
        (1, began + timedelta(seconds=60), "after 1m: lang-de 3 is enough"),
        (2, began + timedelta(seconds=120), "after 2m: no skill is required"),
    ]
    pool.now += timedelta(seconds=50)
    restarted = AgentPool(pool.engine)
    restarted.now = pool.now
    await restarted.organise(*relaxed)
    await restarted.make_due(TimerKind.REVIEW)
    assert await timers(restarted) == [began + timedelta(seconds=60)]
    assert await pass_time(restarted, seconds=9) == 0
    assert await pass_time(restarted, seconds=1) == 1
    assert await restarted.assign() == 1
    assert (await work(pool)).agent_id == "elena"
    (offered,) = await pool.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.offered%'"
    )
    assert '"step":1' in offered.v
    (event,) = await pool.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.escalated%'"
    )
    assert '"what":"after 1m: lang-de 3 is enough"' in event.v
    (step,) = (await restarted.why("C-1"))["escalations"]
    assert (step.kind, step.step, step.at) == ("step", 1, restarted.now)


async def test_07_after_the_last_step_any_agent_of_the_queue_may_have_the_work(pool: AgentPool) -> None:
    await pool.organise(planning_needs(lang_de=4), queue("planning", steps=RELAX), agent("farid", skills={}))
    await pool.apply(opened(1, pool.now))
    await pool.present("farid")
    await pass_time(pool, seconds=119)
    assert await pool.assign() == 0
    await pass_time(pool, seconds=1)
    assert await pool.assign() == 1
    assert await timers(pool) == []


async def test_steps_that_were_due_while_routing_was_down_are_each_taken_once(pool: AgentPool) -> None:
    await pool.organise(planning_needs(lang_de=4), queue("planning", steps=RELAX))
    await pool.apply(opened(1, pool.now))
    await pass_time(pool, hours=1)
    await pass_time(pool, hours=1)
    assert ((await work(pool)).step, (await work(pool)).skills) == (2, {})
    assert await pool.count_events("work.escalated.v1") == 2


async def test_a_step_adds_another_queue_and_agents_of_the_own_queue_go_first(pool: AgentPool) -> None:
    await pool.organise(
        queue("planning", steps=[{"after": "5m", "add_queue": "roads", "needs": {}, "raise_priority": 30}]),
    )
    await pool.apply(opened(1, pool.now, waited=1), opened(2, pool.now))
    await pool.present("chloe")
    assert await pool.assign() == 0
    assert await pool.take_next("chloe") is None
    await pass_time(pool, minutes=5)
    item = await work(pool)
    assert (item.also_queues, item.priority, item.queue) == (["roads"], 70, "planning")
    assert [c.agent_id for c in (await pool.why("C-1"))["candidates"]] == ["chloe", "dev", "elena", "farid"]
    assert await pool.take_next("chloe") == item.work_item_id
    await pool.present("elena")
    await pool.present("dev")
    assert await pool.assign() == 1
    assert (await work(pool, "C-2")).agent_id == "elena"


async def test_an_added_queue_gets_the_work_while_the_own_queue_is_closed(pool: AgentPool) -> None:
    await pool.organise(queue("planning", steps=[{"after": "5m", "add_queue": "roads", "needs": {}}]))
    await pool.apply(opened(1, pool.now))
    await put_state(pool, "planning", QueueState.CLOSED)
    await pass_time(pool, minutes=5)
    await pool.present("elena")
    assert await pool.assign() == 0
    assert (await pool.why("C-1"))["waiting_because"] == (
        "nobody can take it now: offline; their queue is not open"
    )
    await pool.present("dev")
    assert await pool.assign() == 1


async def test_accepted_work_takes_no_steps_and_catches_up_when_it_is_queued_again(
    pool: AgentPool,
) -> None:
    await pool.organise(planning_needs(planning=3), queue("planning", steps=[{"after": "5m", "needs": {}}]))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    await pass_time(pool, minutes=6)
    assert (await work(pool)).step == 0
    await pool.present("elena", Presence.OFFLINE)
    assert await pass_time(pool, minutes=0) == 1
    assert ((await work(pool)).state, (await work(pool)).step) == (QUEUED, 1)


async def test_completed_work_leaves_no_timer_of_a_step(pool: AgentPool) -> None:
    await pool.organise(queue("planning", steps=RELAX[1:]))
    case = opened(1, pool.now)
    await pool.apply(case)
    assert len(await timers(pool)) == 1
    await pool.apply(status_changed(case))
    assert await timers(pool) == []


async def test_transferred_work_begins_with_the_steps_of_its_new_queue(pool: AgentPool) -> None:
    await pool.organise(
        queue("planning", steps=[{"after": "5m", "add_queue": "roads"}]),
        queue("rates", steps=[{"after": "9m", "add_queue": "roads"}]),
    )
    await pool.apply(opened(1, pool.now))
    await pass_time(pool, minutes=5)
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        await handling.transfer(
            tx, (await work(pool)).work_item_id, SUPERVISOR, active, queue="rates", agent=None, note=None, anyones=True, now=pool.now,
        )  # fmt: skip
    item = await work(pool)
    assert (item.step, item.also_queues) == (0, [])
    assert await timers(pool) == [pool.now + timedelta(minutes=9)]


async def test_06_work_that_all_agents_declined_takes_its_next_step_at_once(
    pool: AgentPool,
) -> None:
    await pool.organise(queue("planning", steps=[{"after": "1h", "add_queue": "roads", "needs": {}}]))
    await pool.apply(opened(1, pool.now))
    for who in ("elena", "farid"):
        await pool.present(who)
    asked: list[str] = []
    while await pool.assign():
        ((who, (offer,)),) = (await pool.pending()).items()
        asked.append(who)
        await pool.decline(offer, who)
    assert sorted(asked) == ["elena", "farid"]
    assert await timers(pool) == [pool.now]
    await pass_time(pool, seconds=0)
    assert (await work(pool)).also_queues == ["roads"]
    await pool.present("dev")
    assert await pool.assign() == 1
    assert (await work(pool)).agent_id == "dev"


async def test_06_an_expired_offer_to_the_only_agent_brings_the_next_step_forward(pool: AgentPool) -> None:
    await pool.organise(queue("planning", steps=[{"after": "1h", "add_queue": "roads", "needs": {}}]))
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    assert await pool.assign() == 1
    await pool.make_due("offer-expiry")
    assert await timers(pool) == [pool.now]
    assert (await work(pool)).state == QUEUED


async def test_steps_of_a_new_configuration_apply_to_work_that_waits_already(
    pool: AgentPool,
) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 8)))
    assert await timers(pool) == []
    began = (await work(pool)).queued_at
    await pool.organise(queue("planning", steps=[{"after": "5m", "add_queue": "roads"}]))
    await pool.make_due(TimerKind.REVIEW)
    assert await timers(pool) == [began + timedelta(minutes=5)] * 7
    await pool.organise(queue("planning", steps=[{"after": "7m", "add_queue": "roads"}]))
    await pool.make_due(TimerKind.REVIEW)
    assert await timers(pool) == [began + timedelta(minutes=7)] * 7
    await pool.organise()
    await pool.make_due(TimerKind.REVIEW)
    assert await timers(pool) == []


async def test_waiting_work_names_absent_agents_the_next_pass_or_its_queue_as_reason(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("farid", Presence.AWAY)
    why = await pool.why("C-1")
    assert (why["waiting_for"], why["waiting_because"]) == (
        "nobody",
        "nobody of the queue is available (away, offline)",
    )
    await pool.present("elena")
    assert (await pool.why("C-1"))["waiting_for"] == "soon"
    await put_state(pool, "planning", QueueState.PAUSED)
    assert (await pool.why("C-1"))["waiting_for"] == "queue"


async def test_an_agent_in_a_presence_that_was_removed_from_the_list_is_not_available(
    pool: AgentPool,
) -> None:
    kinds = [
        {"id": "available", "name": "Available", "routable": True},
        {"id": "in-training", "name": "In training"},
    ]
    await pool.organise(section("presences", kinds))
    await pool.present("farid", "in-training")
    await pool.apply(opened(1, pool.now))
    await pool.organise(section("presences", kinds[:1]))
    why = await pool.why("C-1")
    assert (why["waiting_for"], why["waiting_because"]) == (
        "nobody",
        "nobody of the queue is available (in-training, offline)",
    )


async def test_waiting_work_names_skill_capacity_refusal_or_a_pending_offer_as_reason(
    pool: AgentPool,
) -> None:
    await pool.organise(agent("elena", capacity=1), planning_needs(planning=6))
    await pool.apply(opened(1, pool.now, waited=9), opened(2, pool.now))
    await pool.present("farid")
    assert (await pool.why("C-1"))["waiting_for"] == "skill"
    await pool.present("elena")
    await pool.assign()
    assert (await pool.why("C-1"))["waiting_for"] == "offer"
    assert (await pool.why("C-2"))["waiting_for"] == "capacity"
    (offer,) = (await pool.pending())["elena"]
    await pool.decline(offer, "elena")
    assert (await pool.why("C-1"))["waiting_for"] == "refused"


async def test_work_that_came_while_all_agents_were_offline_takes_steps_too(
    pool: AgentPool,
) -> None:
    # Rocket.Chat issue 18041: chats that came while all agents were offline.
    await pool.organise(
        queue("planning", steps=[{"after": "1h", "needs": {}}]), agent("farid", skills={}, capacity=100)
    )
    await pool.apply(*(opened(n, pool.now, waited=600 - n) for n in range(1, 61)))
    await pass_time(pool, seconds=0)
    await pool.present("farid")
    assert await pool.assign() == 60
