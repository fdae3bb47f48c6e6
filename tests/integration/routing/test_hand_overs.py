"""Handing work to an agent: who can be offered nothing now is refused, or waited for, and nothing returns to who gave it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import AGAIN_AFTER, opened
from tests.support.routing.organisation import agent, queue

ELENA = Actor(kind="agent", id="elena", name="Elena Marino")
NOTE = "She calls again on Friday"


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(
        agent("elena", capacity=1), agent("farid", capacity=1), queue("planning", longest_wait="1h")
    )
    return made


async def elenas_work(pool: AgentPool, number: int = 1) -> UUID:
    """Elena accepts the work of a new case."""
    await pool.apply(opened(number, pool.now))
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    work = (await pool.works())[f"C-{number}"]
    assert (work.state, work.agent_id) == (ACCEPTED, "elena")
    return work.work_item_id


async def the_work(pool: AgentPool) -> Any:
    return (await pool.works())["C-1"]


@pytest.mark.parametrize("presence", [None, Presence.AWAY, Presence.NOT_RESPONDING])
async def test_an_absent_agent_is_offered_and_assigned_nothing_and_the_work_stays(
    pool: AgentPool, presence: str | None
) -> None:
    item = await elenas_work(pool)
    if presence is not None:
        await pool.present("farid", presence)
    before = await the_work(pool)
    assert await pool.offer_to("farid", item, ELENA) == 409
    assert await pool.assign_to("farid", item) == 409
    words = presence or "offline"
    expected = f"Farid Haddad can't be offered it now: {words}. With wait: true it waits for them."
    assert [detail for _, detail in pool.refused] == [expected] * 2
    assert await the_work(pool) == before


async def test_who_is_absent_by_the_document_is_offered_nothing_until_they_are_back(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    await pool.present("farid")
    back = pool.now + timedelta(minutes=5)
    absence = {"from": (pool.now - timedelta(days=1)).isoformat(), "until": back.isoformat()}
    await pool.organise(
        agent("elena", capacity=1),
        agent("farid", capacity=1, absences=[absence]),
        queue("planning", longest_wait="1h"),
    )
    assert await pool.offer_to("farid", item, ELENA) == 409
    assert await pool.assign_to("farid", item) == 409
    assert all("absent until" in detail for _, detail in pool.refused)
    assert await pool.offer_to("farid", item, ELENA, wait=True) == 200
    await pool.assign()
    assert (await the_work(pool)).state == QUEUED
    pool.now = back
    await pool.assign()
    assert ((await the_work(pool)).state, (await the_work(pool)).agent_id) == (OFFERED, "farid")


async def test_a_full_agent_is_offered_nothing_and_may_be_assigned_work(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    await pool.present("farid")
    await pool.apply(opened(2, pool.now))
    await pool.assign()
    assert await pool.offer_to("farid", item, ELENA) == 409
    assert "no capacity" in pool.refused[-1][1]
    assert await pool.offer_to("elena", item) == 409
    assert await pool.assign_to("farid", item) == 200


@pytest.mark.parametrize("ends", ["declined", "timed-out"])
async def test_a_hand_over_that_is_not_taken_goes_to_others_before_who_gave_it(
    pool: AgentPool, ends: str
) -> None:
    item = await elenas_work(pool)
    await pool.present("farid")
    assert await pool.offer_to("farid", item, ELENA, NOTE) == 200
    (offer,) = (await pool.pending())["farid"]
    if ends == "declined":
        await pool.decline(offer, "farid")
    else:
        await pool.make_due("offer-expiry")
        await pool.fire()
    assert (await the_work(pool)).state == QUEUED
    # Both have refused it: nobody is asked again at once.
    assert await pool.assign() == 0
    await pool.present("bruno")
    await pool.organise(agent("bruno", queues=["planning"], skills={"planning": 9}))
    assert await pool.assign() == 1
    assert (await the_work(pool)).agent_id == "bruno"
    results = {one.agent_id: one.result for one in (await pool.why("C-1"))["offers"]}
    assert results == {"elena": "handed-on", "farid": ends, "bruno": None}


async def test_work_waits_for_the_agent_it_was_handed_to_and_then_has_its_note(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    assert await pool.offer_to("farid", item, ELENA, NOTE, wait=True) == 200
    await pool.present("dev")
    assert await pool.assign() == 0
    reason = await pool.why("C-1")
    assert reason["waiting_for"] == "hand-over"
    assert (reason["waiting_because"] or "").startswith("handed over to Farid Haddad, who is offline: held")
    assert await pool.take_next("elena") is None
    await pool.present("farid")
    assert await pool.assign() == 1
    work = await the_work(pool)
    assert (work.state, work.agent_id, work.handover["note"]) == (OFFERED, "farid", NOTE)


async def test_work_that_was_assigned_to_an_absent_agent_is_theirs_when_they_come(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    assert await pool.assign_to("farid", item, wait=True) == 200
    await pool.apply(opened(2, pool.now))
    await pool.present("farid")
    assert await pool.assign() >= 1
    work = await the_work(pool)
    assert (work.state, work.agent_id) == (ACCEPTED, "farid")


async def test_an_agent_of_another_queue_gets_the_work_that_waits_for_them(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    assert await pool.offer_to("dev", item, ELENA, wait=True) == 200
    await pool.organise(agent("dev", queues=["roads"], skills={}, capacity=1))
    await pool.present("dev")
    assert await pool.assign() == 1
    assert (await the_work(pool)).agent_id == "dev"


async def test_work_that_waited_too_long_for_one_agent_is_for_anybody(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    assert await pool.offer_to("farid", item, ELENA, NOTE, wait=True) == 200
    work = await the_work(pool)
    assert work.hold_until == min(pool.now + timedelta(hours=1), work.due_at)
    pool.now = work.hold_until + AGAIN_AFTER
    assert await pool.assign() == 1
    assert (await the_work(pool)).agent_id == "elena"
