"""Work that waits, on a real PostgreSQL: steps that it comes to, and what is said of why it waits."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.queues import QueueState
from antiphon.postgres.query import AnyRow
from routing.domain.timer import TimerKind
from routing.work import handling
from tests.conftest import NewDatabase
from tests.integration.routing.floor import (
    BOSS,
    QUEUED,
    Changed,
    Floor,
    Json,
    agent,
    queue,
    section,
)
from tests.integration.routing.test_offers import opened, settled
from tests.integration.routing.test_queues import put_state

SKILLS = {"lang-de": "German", "product": "The product"}


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    made = Floor(await new_database("routing"))
    await made.organise()
    return made


def planning_needs(**skills: int) -> Changed:
    """Work of planning needs these skills."""

    def change(organisation: Json) -> None:
        organisation["skills"] |= SKILLS
        rule = next(rule for rule in organisation["rules"] if rule["name"] == "Planning")
        rule["then"]["skills"] = {name.replace("_", "-"): level for name, level in skills.items()}

    return change


def rule_says(name: str, **then: Any) -> Changed:
    def change(organisation: Json) -> None:
        next(rule for rule in organisation["rules"] if rule["name"] == name)["then"].update(then)

    return change


async def work(floor: Floor, reference: str = "C-1") -> AnyRow:
    return (await floor.works())[reference]


async def timers(floor: Floor, kind: str = "step") -> list[datetime]:
    rows = await floor.rows("select due_at from timer where kind = :k order by due_at", k=kind)
    return [row.due_at for row in rows]


async def pass_time(floor: Floor, **passed: float) -> int:
    """Time goes on, and the steps that are due by then are taken: how many timers fired."""
    floor.now += timedelta(**passed)
    behind = "update timer set due_at = now() - interval '1 s' where kind = 'step' and due_at <= :now"
    async with floor.engine.begin() as tx:
        await tx.execute(text(behind), {"now": floor.now})
    return await floor.fire()


RELAX = [{"after": "60s", "lower": {"lang-de": 3}}, {"after": "120s", "needs": {}}]


async def test_07_skills_are_relaxed_in_time_and_a_restart_does_not_set_the_clock_back(floor: Floor) -> None:
    relaxed = (
        planning_needs(lang_de=4, product=2),
        queue("planning", steps=RELAX),
        agent("elena", skills={"lang-de": 3, "product": 2}),
        agent("farid", skills={}),
    )
    await floor.organise(*relaxed)
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    assert await floor.assign() == 0
    began = (await work(floor)).queued_at
    told = await floor.why("C-1")
    assert told["waiting_for"] == "skill"
    assert [(c.step, c.at, c.what) for c in told["coming"] if c.kind == "step"] == [
        (1, began + timedelta(seconds=60), "after 1m: lang-de 3 will do"),
        (2, began + timedelta(seconds=120), "after 2m: no skill is needed"),
    ]
    floor.now += timedelta(seconds=50)
    restarted = Floor(floor.engine)
    restarted.now = floor.now
    await restarted.organise(*relaxed)
    await restarted.make_due(TimerKind.REVIEW)
    assert await timers(restarted) == [began + timedelta(seconds=60)]
    assert await pass_time(restarted, seconds=9) == 0
    assert await pass_time(restarted, seconds=1) == 1
    assert await restarted.assign() == 1
    assert (await work(floor)).agent_id == "elena"
    (offered,) = await floor.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.offered%'"
    )
    assert '"step":1' in offered.v
    (event,) = await floor.rows(
        "select convert_from(value, 'utf8') as v from outbox where headers like '%work.escalated%'"
    )
    assert '"what":"after 1m: lang-de 3 will do"' in event.v
    (passed,) = (await restarted.why("C-1"))["escalations"]
    assert (passed.kind, passed.step, passed.at) == ("step", 1, restarted.now)


async def test_07_after_the_last_step_anybody_of_the_queue_will_do(floor: Floor) -> None:
    await floor.organise(planning_needs(lang_de=4), queue("planning", steps=RELAX), agent("farid", skills={}))
    await floor.hear(opened(1, floor.now))
    await floor.present("farid")
    await pass_time(floor, seconds=119)
    assert await floor.assign() == 0
    await pass_time(floor, seconds=1)
    assert await floor.assign() == 1
    assert await timers(floor) == []


async def test_steps_that_were_due_while_nothing_ran_are_all_taken_once(floor: Floor) -> None:
    await floor.organise(planning_needs(lang_de=4), queue("planning", steps=RELAX))
    await floor.hear(opened(1, floor.now))
    await pass_time(floor, hours=1)
    await pass_time(floor, hours=1)
    assert ((await work(floor)).step, (await work(floor)).skills) == (2, {})
    assert await floor.told("work.escalated.v1") == 2


async def test_a_step_asks_another_team_too_and_the_own_one_first(floor: Floor) -> None:
    await floor.organise(
        queue("planning", steps=[{"after": "5m", "add_queue": "roads", "needs": {}, "raise_priority": 30}]),
    )
    await floor.hear(opened(1, floor.now, waited=1), opened(2, floor.now))
    await floor.present("chloe")
    assert await floor.assign() == 0
    assert await floor.take_next("chloe") is None
    await pass_time(floor, minutes=5)
    item = await work(floor)
    assert (item.also_queues, item.priority, item.queue) == (["roads"], 70, "planning")
    assert [c.agent_id for c in (await floor.why("C-1"))["candidates"]] == ["chloe", "dev", "elena", "farid"]
    assert await floor.take_next("chloe") == item.work_item_id
    await floor.present("elena")
    await floor.present("dev")
    assert await floor.assign() == 1
    assert (await work(floor, "C-2")).agent_id == "elena"


async def test_the_team_that_was_added_gets_the_work_while_the_own_one_is_closed(floor: Floor) -> None:
    await floor.organise(queue("planning", steps=[{"after": "5m", "add_queue": "roads", "needs": {}}]))
    await floor.hear(opened(1, floor.now))
    await put_state(floor, "planning", QueueState.CLOSED)
    await pass_time(floor, minutes=5)
    await floor.present("elena")
    assert await floor.assign() == 0
    assert (await floor.why("C-1"))["waiting_because"] == (
        "nobody can take it now: offline; their queue is not open"
    )
    await floor.present("dev")
    assert await floor.assign() == 1


async def test_who_has_the_work_takes_no_steps_and_when_it_comes_back_it_takes_those_that_passed(
    floor: Floor,
) -> None:
    await floor.organise(planning_needs(planning=3), queue("planning", steps=[{"after": "5m", "needs": {}}]))
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    await floor.assign()
    await floor.accept_all()
    await pass_time(floor, minutes=6)
    assert (await work(floor)).step == 0
    await floor.present("elena", Presence.OFFLINE)
    assert await pass_time(floor, minutes=0) == 1
    assert ((await work(floor)).state, (await work(floor)).step) == (QUEUED, 1)


async def test_completed_work_leaves_no_step_behind(floor: Floor) -> None:
    await floor.organise(queue("planning", steps=RELAX[1:]))
    case = opened(1, floor.now)
    await floor.hear(case)
    assert len(await timers(floor)) == 1
    await floor.hear(settled(case))
    assert await timers(floor) == []


async def test_handed_on_work_begins_with_the_steps_of_the_queue_that_it_comes_to(floor: Floor) -> None:
    await floor.organise(
        queue("planning", steps=[{"after": "5m", "add_queue": "roads"}]),
        queue("rates", steps=[{"after": "9m", "add_queue": "roads"}]),
    )
    await floor.hear(opened(1, floor.now))
    await pass_time(floor, minutes=5)
    async with floor.engine.begin() as tx:
        force = await floor.force(tx)
        await handling.transfer(
            tx, (await work(floor)).work_item_id, BOSS, force, queue="rates", agent=None, note=None, anyones=True, now=floor.now,
        )  # fmt: skip
    found = await work(floor)
    assert (found.step, found.also_queues) == (0, [])
    assert await timers(floor) == [floor.now + timedelta(minutes=9)]


async def test_06_work_that_all_have_refused_comes_to_its_next_step_and_not_to_them_again(
    floor: Floor,
) -> None:
    await floor.organise(queue("planning", steps=[{"after": "1h", "add_queue": "roads", "needs": {}}]))
    await floor.hear(opened(1, floor.now))
    for who in ("elena", "farid"):
        await floor.present(who)
    asked: list[str] = []
    while await floor.assign():
        ((who, (offer,)),) = (await floor.pending()).items()
        asked.append(who)
        await floor.decline(offer, who)
    assert sorted(asked) == ["elena", "farid"]
    assert await timers(floor) == [floor.now]
    await pass_time(floor, seconds=0)
    assert (await work(floor)).also_queues == ["roads"]
    await floor.present("dev")
    assert await floor.assign() == 1
    assert (await work(floor)).agent_id == "dev"


async def test_06_an_offer_that_the_only_one_let_pass_brings_the_next_step_forward(floor: Floor) -> None:
    await floor.organise(queue("planning", steps=[{"after": "1h", "add_queue": "roads", "needs": {}}]))
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    assert await floor.assign() == 1
    await floor.make_due("offer-expiry")
    assert await timers(floor) == [floor.now]
    assert (await work(floor)).state == QUEUED


async def test_steps_that_a_new_configuration_gives_or_takes_hold_for_what_waits_already(
    floor: Floor,
) -> None:
    await floor.hear(*(opened(n, floor.now) for n in range(1, 8)))
    assert await timers(floor) == []
    began = (await work(floor)).queued_at
    await floor.organise(queue("planning", steps=[{"after": "5m", "add_queue": "roads"}]))
    await floor.make_due(TimerKind.REVIEW)
    assert await timers(floor) == [began + timedelta(minutes=5)] * 7
    await floor.organise(queue("planning", steps=[{"after": "7m", "add_queue": "roads"}]))
    await floor.make_due(TimerKind.REVIEW)
    assert await timers(floor) == [began + timedelta(minutes=7)] * 7
    await floor.organise()
    await floor.make_due(TimerKind.REVIEW)
    assert await timers(floor) == []


async def test_still_waiting_why_is_one_of_a_few(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    await floor.present("farid", Presence.AWAY)
    told = await floor.why("C-1")
    assert (told["waiting_for"], told["waiting_because"]) == (
        "nobody",
        "nobody of the queue is available (away, offline)",
    )
    await floor.present("elena")
    assert (await floor.why("C-1"))["waiting_for"] == "soon"
    await put_state(floor, "planning", QueueState.PAUSED)
    assert (await floor.why("C-1"))["waiting_for"] == "queue"


async def test_an_agent_in_a_presence_that_the_organisation_took_off_its_list_is_not_available(
    floor: Floor,
) -> None:
    kinds = [
        {"id": "available", "name": "Available", "routable": True},
        {"id": "in-training", "name": "In training"},
    ]
    await floor.organise(section("presences", kinds))
    await floor.present("farid", "in-training")
    await floor.hear(opened(1, floor.now))
    await floor.organise(section("presences", kinds[:1]))
    told = await floor.why("C-1")
    assert (told["waiting_for"], told["waiting_because"]) == (
        "nobody",
        "nobody of the queue is available (in-training, offline)",
    )


async def test_still_waiting_why_names_skill_capacity_refusal_and_a_pending_offer(floor: Floor) -> None:
    await floor.organise(agent("elena", capacity=1), planning_needs(planning=6))
    await floor.hear(opened(1, floor.now, waited=9), opened(2, floor.now))
    await floor.present("farid")
    assert (await floor.why("C-1"))["waiting_for"] == "skill"
    await floor.present("elena")
    await floor.assign()
    assert (await floor.why("C-1"))["waiting_for"] == "offer"
    assert (await floor.why("C-2"))["waiting_for"] == "capacity"
    (offer,) = (await floor.pending())["elena"]
    await floor.decline(offer, "elena")
    assert (await floor.why("C-1"))["waiting_for"] == "refused"


async def test_complaint_rocketchat_18041_what_came_while_all_were_offline_is_offered_by_steps_too(
    floor: Floor,
) -> None:
    await floor.organise(
        queue("planning", steps=[{"after": "1h", "needs": {}}]), agent("farid", skills={}, capacity=100)
    )
    await floor.hear(*(opened(n, floor.now, waited=600 - n) for n in range(1, 61)))
    await pass_time(floor, seconds=0)
    await floor.present("farid")
    assert await floor.assign() == 60
