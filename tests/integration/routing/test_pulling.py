"""Agents take work, supervisors move it: each item to one, whoever asks at once, and policy holds."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.support.routing.configured import ACCEPTED, OFFERED, QUEUED, AgentPool, agent, queue
from tests.support.routing.harness import opened
from tests.support.statements import counted


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(queue("planning", may_pick=True), queue("rates", may_decline=False))
    return made


def _twenty(organisation: dict[str, Any]) -> None:
    organisation["agents"] += [
        {
            "id": f"a{n}",
            "name": f"Agent {n}",
            "queues": ["planning"],
            "skills": {"planning": 5},
            "capacity": 2,
        }
        for n in range(20)
    ]


async def test_twenty_agents_ask_for_the_next_at_once_and_no_item_goes_to_two(pool: AgentPool) -> None:
    await pool.organise(_twenty)
    await pool.apply(*(opened(n, pool.now, waited=n) for n in range(1, 31)))
    for n in range(20):
        await pool.present(f"a{n}")
    got = await asyncio.gather(*(pool.take_next(f"a{n % 20}") for n in range(40)))
    items = [one for one in got if isinstance(one, UUID)]
    assert len(items) == len(set(items)) == 30
    assert [one for one in got if not isinstance(one, UUID)] == [None] * 10
    rows = await pool.rows(
        "select agent_id, count(*) as n from work_item where state = 'accepted' group by 1"
    )
    assert sum(row.n for row in rows) == 30
    assert max(row.n for row in rows) <= 2
    assert await pool.told("work.offered.v1") == await pool.told("work.accepted.v1") == 30


async def test_one_agent_who_asks_many_times_at_once_never_holds_more_than_their_capacity(
    pool: AgentPool,
) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 11)))
    await pool.present("elena")
    got = await asyncio.gather(*(pool.take_next("elena") for _ in range(5)), pool.assign(), pool.assign())
    assert sum(isinstance(one, UUID) for one in got) <= 2
    (row,) = await pool.rows("select count(*) as n from work_item where agent_id = 'elena'")
    assert row.n == 2
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1] == (409, "You have no free capacity for it: you hold 2 of 2 units.")


async def test_the_next_is_the_best_that_suits_and_the_rest_is_not_for_me(pool: AgentPool) -> None:
    await pool.apply(
        opened(1, pool.now, department="rates", waited=90), opened(2, pool.now, waited=5), opened(3, pool.now, waited=50)
    )  # fmt: skip
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1][1] == "You are offline: set your presence first."
    await pool.present("elena", Presence.AWAY)
    await pool.take_next("elena")
    works = await pool.works()
    assert {key: row.state for key, row in works.items()} == {"C-1": QUEUED, "C-2": QUEUED, "C-3": ACCEPTED}
    await pool.take_next("elena")
    assert (await pool.works())["C-2"].agent_id == "elena"
    await pool.present("farid")
    assert await pool.take_next("farid") is None


async def test_asking_for_the_next_takes_as_many_statements_whatever_waits(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("farid")
    counts: list[int] = []
    for start in (1000, 2000, 3000):
        with counted(pool.engine) as statements:
            assert isinstance(await pool.take_next("farid"), UUID)
        counts.append(len(statements))
        await pool.apply(*(opened(start + n, pool.now) for n in range(150)))
    assert counts[0] == counts[1] == counts[2]


async def test_who_picks_first_has_it_and_only_where_the_queue_allows_it(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now, department="rates"), opened(3, pool.now))
    for who in ("elena", "farid", "amara"):
        await pool.present(who)
    works = await pool.works()
    first, rates = works["C-1"].work_item_id, works["C-2"].work_item_id
    picks = [pool.pick(who, first) for who in ("elena", "farid") * 5]
    assert sorted(await asyncio.gather(*picks)) == [200] + [409] * 9
    assert await pool.told("work.accepted.v1") == 1
    assert (409, "The work does not wait: it is accepted.") in pool.refused
    assert await pool.pick("amara", rates) == 403
    assert pool.refused[-1][1] == "Work of Rates is given out in its order, not picked."
    assert await pool.pick("elena", rates) == 404


async def test_offers_of_a_queue_whose_policy_forbids_it_are_not_declined(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now, department="rates"))
    await pool.present("amara")
    await pool.assign()
    (offer,) = (await pool.pending())["amara"]
    with pytest.raises(Exception, match="Work of Rates can't be declined") as refused:
        await pool.decline(offer, "amara")
    assert getattr(refused.value, "status", None) == 403
    assert (await pool.works())["C-1"].state == OFFERED


async def test_who_accepts_by_themselves_has_the_work_with_both_facts_told(pool: AgentPool) -> None:
    await pool.organise(agent("elena", auto_accept=True), queue("rates", auto_accept=True))
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)), opened(4, pool.now, department="rates"))
    for who in ("elena", "amara"):
        await pool.present(who)
    assert await pool.assign() == 3
    works = await pool.works()
    assert sorted(row.state for row in works.values()) == [ACCEPTED] * 3 + [QUEUED]
    assert works["C-4"].agent_id == "amara"
    assert await pool.told("work.offered.v1") == await pool.told("work.accepted.v1") == 3
    assert await pool.rows("select 1 from timer where kind = 'offer-expiry'") == []


async def test_work_is_never_given_to_who_has_just_left(pool: AgentPool) -> None:
    await pool.organise(agent("elena", auto_accept=True))
    await pool.apply(*(opened(n, pool.now) for n in range(1, 9)))
    for _ in range(10):
        await pool.present("elena")
        await asyncio.gather(pool.assign(), pool.present("elena", Presence.OFFLINE), pool.take_next("elena"))
        assert await pool.rows("select 1 from work_item where agent_id is not null") == []


async def test_a_supervisor_assigns_over_capacity_takes_back_and_it_goes_to_another(pool: AgentPool) -> None:
    await pool.apply(*(opened(n, pool.now, waited=9 - n) for n in (1, 2, 3)))
    works = await pool.works()
    third = works["C-3"].work_item_id
    assert await pool.give("elena", third) == 409
    assert pool.refused[-1][1] == "Elena Marino is offline: nobody would see the work."
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    assert await pool.give("elena", third) == 200
    assert await pool.give("elena", third) == 409
    assert {row.agent_id for row in (await pool.works()).values()} == {"elena"}
    assert await pool.told("work.transferred.v1") == 1
    assert await pool.take_back(third) == 200
    back = (await pool.works())["C-3"]
    assert (back.state, back.agent_id, back.queued_at) == (QUEUED, None, works["C-3"].queued_at)
    assert await pool.take_back(third) == 409
    await pool.present("farid")
    await pool.assign()
    assert (await pool.works())["C-3"].agent_id == "farid"
    past = (await pool.why("C-3"))["offers"]
    assert [(one.agent_id, one.result) for one in past] == [("elena", "taken-back"), ("farid", None)]
    assert past[0].reason == "taken back by Sam Okafor: too much on one desk"


async def test_an_offer_that_is_taken_back_is_over_whatever_another_replicas_clock_said_before(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    work = (await pool.works())["C-1"].work_item_id
    await pool.present("elena")
    await pool.offer("elena", work)
    ((who, (offer,)),) = (await pool.pending()).items()
    await pool.decline(offer, who)
    pool.now -= timedelta(seconds=1)
    await pool.offer("elena", work)
    assert await pool.take_back(work) == 200
    assert await pool.pending() == {}


async def test_work_taken_back_is_not_thrust_on_the_same_agent_at_once(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("elena")
    await pool.assign()
    assert await pool.take_back((await pool.works())["C-1"].work_item_id) == 200
    assert await pool.pending() == {}
    assert await pool.assign() == 0


async def test_a_supervisor_changes_the_priority_and_the_order_follows(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now))
    second = (await pool.works())["C-2"].work_item_id
    await pool.reprioritise(second, 90)
    await pool.reprioritise(second, 90)
    assert await pool.told("work.reprioritised.v1") == 1
    await pool.present("elena")
    assert await pool.take_next("elena") == second
