"""Agents pull and pick work, supervisors assign it and take it back: one agent has an item, whatever happens at once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import ACCEPTED, OFFERED, QUEUED, AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import agent, queue
from tests.support.statements import counted


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    await made.organise(queue("planning", may_pick=True), queue("rates", may_decline=False))
    return made


def _add_twenty_agents(organisation: dict[str, Any]) -> None:
    organisation["people"] += [
        {
            "id": f"a{n}",
            "name": f"Agent {n}",
            "queues": ["planning"],
            "skills": {"planning": 5},
            "capacity": 2,
        }
        for n in range(20)
    ]


async def test_twenty_agents_pull_at_once_and_no_item_goes_to_two(pool: AgentPool) -> None:
    await pool.organise(_add_twenty_agents)
    await pool.apply(*(opened(n, pool.now, waited=n) for n in range(1, 31)))
    for n in range(20):
        await pool.present(f"a{n}")
    results = await asyncio.gather(*(pool.take_next(f"a{n % 20}") for n in range(40)))
    items = [result for result in results if isinstance(result, UUID)]
    assert len(items) == len(set(items)) == 30
    assert [result for result in results if not isinstance(result, UUID)] == [None] * 10
    rows = await pool.rows(
        "select agent_id, count(*) as n from work_item where state = 'accepted' group by 1"
    )
    assert sum(row.n for row in rows) == 30
    assert max(row.n for row in rows) <= 2
    assert await pool.count_events("work.offered.v1") == await pool.count_events("work.accepted.v1") == 30


async def test_an_agent_who_pulls_many_times_at_once_never_exceeds_their_capacity(
    pool: AgentPool,
) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 11)))
    await pool.present("elena")
    results = await asyncio.gather(*(pool.take_next("elena") for _ in range(5)), pool.assign(), pool.assign())
    assert sum(isinstance(result, UUID) for result in results) <= 2
    (row,) = await pool.rows("select count(*) as n from work_item where agent_id = 'elena'")
    assert row.n == 2
    assert await pool.take_next("elena") == 409
    assert pool.refused[-1] == (409, "You have no free capacity for it: you hold 2 of 2 units.")


async def test_a_pull_gives_the_most_urgent_work_that_the_agent_may_take(pool: AgentPool) -> None:
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


async def test_a_pull_takes_as_many_statements_whatever_waits(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now))
    await pool.present("farid")
    counts: list[int] = []
    for start in (1000, 2000, 3000):
        with counted(pool.engine) as statements:
            assert isinstance(await pool.take_next("farid"), UUID)
        counts.append(len(statements))
        await pool.apply(*(opened(start + n, pool.now) for n in range(150)))
    assert counts[0] == counts[1] == counts[2]


async def test_the_first_agent_to_pick_has_the_work_where_the_queue_allows_it(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now), opened(2, pool.now, department="rates"), opened(3, pool.now))
    for who in ("elena", "farid", "amara"):
        await pool.present(who)
    works = await pool.works()
    first, rates = works["C-1"].work_item_id, works["C-2"].work_item_id
    picks = [pool.pick(who, first) for who in ("elena", "farid") * 5]
    assert sorted(await asyncio.gather(*picks)) == [200] + [409] * 9
    assert await pool.count_events("work.accepted.v1") == 1
    assert (409, "The work does not wait: it is accepted.") in pool.refused
    assert await pool.pick("amara", rates) == 403
    assert pool.refused[-1][1] == "Work of Rates is given out in its order, not picked."
    assert await pool.pick("elena", rates) == 404


async def test_an_offer_cannot_be_declined_where_the_queue_forbids_it(pool: AgentPool) -> None:
    await pool.apply(opened(1, pool.now, department="rates"))
    await pool.present("amara")
    await pool.assign()
    (offer,) = (await pool.pending())["amara"]
    with pytest.raises(Exception, match="Work of Rates can't be declined") as refused:
        await pool.decline(offer, "amara")
    assert getattr(refused.value, "status", None) == 403
    assert (await pool.works())["C-1"].state == OFFERED


async def test_work_of_an_agent_with_auto_accept_is_published_as_offered_and_accepted(
    pool: AgentPool,
) -> None:
    await pool.organise(agent("elena", auto_accept=True), queue("rates", auto_accept=True))
    await pool.apply(*(opened(n, pool.now) for n in (1, 2, 3)), opened(4, pool.now, department="rates"))
    for who in ("elena", "amara"):
        await pool.present(who)
    assert await pool.assign() == 3
    works = await pool.works()
    assert sorted(row.state for row in works.values()) == [ACCEPTED] * 3 + [QUEUED]
    assert works["C-4"].agent_id == "amara"
    assert await pool.count_events("work.offered.v1") == await pool.count_events("work.accepted.v1") == 3
    assert await pool.rows("select 1 from timer where kind = 'offer-expiry'") == []


async def test_work_is_never_given_to_an_agent_who_has_just_gone_offline(pool: AgentPool) -> None:
    await pool.organise(agent("elena", auto_accept=True))
    await pool.apply(*(opened(n, pool.now) for n in range(1, 9)))
    for _ in range(10):
        await pool.present("elena")
        await asyncio.gather(pool.assign(), pool.present("elena", Presence.OFFLINE), pool.take_next("elena"))
        assert await pool.rows("select 1 from work_item where agent_id is not null") == []


async def test_a_supervisor_assigns_beyond_capacity_and_work_taken_back_goes_to_another(
    pool: AgentPool,
) -> None:
    await pool.apply(*(opened(n, pool.now, waited=9 - n) for n in (1, 2, 3)))
    works = await pool.works()
    third = works["C-3"].work_item_id
    assert await pool.assign_to("elena", third) == 409
    assert pool.refused[-1][1] == (
        "Elena Marino can't be offered it now: offline. With wait: true it waits for them."
    )
    await pool.present("elena")
    await pool.assign()
    await pool.accept_all()
    assert await pool.assign_to("elena", third) == 200
    assert await pool.assign_to("elena", third) == 409
    assert {row.agent_id for row in (await pool.works()).values()} == {"elena"}
    assert await pool.count_events("work.transferred.v1") == 1
    assert await pool.take_back(third) == 200
    queued = (await pool.works())["C-3"]
    assert (queued.state, queued.agent_id, queued.queued_at) == (QUEUED, None, works["C-3"].queued_at)
    assert await pool.take_back(third) == 409
    await pool.present("farid")
    await pool.assign()
    assert (await pool.works())["C-3"].agent_id == "farid"
    offers = (await pool.why("C-3"))["offers"]
    assert [(offer.agent_id, offer.result) for offer in offers] == [("elena", "taken-back"), ("farid", None)]
    assert offers[0].reason == "taken back by Sam Okafor: too much on one desk"


async def test_a_taken_back_offer_is_over_although_another_replicas_clock_is_ahead(
    pool: AgentPool,
) -> None:
    await pool.apply(opened(1, pool.now))
    work = (await pool.works())["C-1"].work_item_id
    await pool.present("elena")
    await pool.offer_to("elena", work)
    ((who, (offer,)),) = (await pool.pending()).items()
    await pool.decline(offer, who)
    pool.now -= timedelta(seconds=1)
    await pool.offer_to("elena", work)
    assert await pool.take_back(work) == 200
    assert await pool.pending() == {}


async def test_work_taken_back_is_not_offered_to_the_same_agent_at_once(pool: AgentPool) -> None:
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
    assert await pool.count_events("work.reprioritised.v1") == 1
    await pool.present("elena")
    assert await pool.take_next("elena") == second
