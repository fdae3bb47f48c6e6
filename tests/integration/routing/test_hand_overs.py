"""Handing work to an agent: who can be offered nothing now is refused, or waited for, and nothing returns to who gave it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from routing.store.work_items import PASS, WORK
from routing.work import handling
from routing.work.hand_overs import MOST, WAITING_FOR
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, SUPERVISOR, AgentPool
from tests.support.routing.harness import AGAIN_AFTER, opened
from tests.support.routing.organisation import agent, queue
from tests.support.waiting import until

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


async def waits_for_a_lock(pool: AgentPool) -> bool:
    waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await pool.rows(waiting))


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


async def test_work_that_is_handed_to_an_agent_while_another_takes_it_waits_for_that_agent(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    async with pool.engine.begin() as tx:
        active = await pool.active(tx)
        farid, item = active.configuration.agents_by_id["farid"], (await the_work(pool)).work_item_id
        await handling.assign(tx, item, SUPERVISOR, active, farid, None, pool.now, wait=True)
        taking = asyncio.create_task(pool.take_next("elena"))
        await until(lambda: waits_for_a_lock(pool), what="the agent who takes work waits for its lock")
    assert await taking is None
    assert ((await the_work(pool)).state, (await the_work(pool)).preferred) == (QUEUED, "farid")


async def test_work_that_was_assigned_to_an_absent_agent_is_theirs_when_they_come(pool: AgentPool) -> None:
    item = await elenas_work(pool)
    assert await pool.assign_to("farid", item, wait=True) == 200
    await pool.apply(opened(2, pool.now))
    await pool.present("farid")
    assert await pool.assign() >= 1
    work = await the_work(pool)
    assert (work.state, work.agent_id) == (ACCEPTED, "farid")


async def test_what_waits_for_a_full_agent_keeps_no_other_hand_over_waiting(pool: AgentPool) -> None:
    cases = [opened(n, pool.now, waited=60 if n <= MOST else 0) for n in range(1, MOST + 2)]
    await pool.apply(*cases)
    works = await pool.works()
    async with pool.engine.begin() as tx:
        hand = text(
            "update work_item set handover = jsonb_build_object('agent_id', cast(:agent as text), 'note', null), "
            "hold_until = :until where work_item_id = any(:ids)"
        )
        until_later = pool.now + timedelta(hours=1)
        last = works[f"C-{MOST + 1}"].work_item_id
        others = [work.work_item_id for work in works.values() if work.work_item_id != last]
        await tx.execute(hand, {"agent": "elena", "until": until_later, "ids": others})
        await tx.execute(hand, {"agent": "farid", "until": until_later, "ids": [last]})
    for who in ("elena", "farid"):
        await pool.present(who)
    assert await pool.assign() == 2
    assert set(await pool.pending()) == {"elena", "farid"}
    assert await pool.assign() == 0


async def test_hand_overs_are_found_by_their_index(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    values = {"agents": ["elena", "farid"], "now": pool.now, "most": MOST, "lock": 1, "queues": ["planning"]}
    async with pool.engine.begin() as tx:
        copied = {column.name for column in WORK.c} - {"work_item_id", "case_id", "handover", "need"}
        columns = ", ".join(copied)
        await tx.execute(
            text(
                f"insert into work_item (work_item_id, case_id, handover, {columns}) select gen_random_uuid(), gen_random_uuid(), "
                "case when n % 100 = 0 then jsonb_build_object('agent_id', 'a' || n % 3) end, "
                f"{columns} from work_item cross join generate_series(1, 5000) as n"
            )
        )
        await tx.execute(text("analyze work_item"))
        for statement, names, scans in ((WAITING_FOR, "agents", 1), (PASS, "queues", 2)):
            array = bindparam(names, type_=ARRAY(TEXT))
            explained = text(f"explain {statement.text}").bindparams(array)
            plan = [str(row[0]) for row in await tx.execute(explained, values)]
            assert "\n".join(plan).count("work_item_handover_ix") == scans


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
