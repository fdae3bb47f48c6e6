"""Agents take work, supervisors move it: each item to one, whoever asks at once, and policy holds."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.integration.routing.floor import ACCEPTED, OFFERED, QUEUED, Floor, agent, queue
from tests.integration.routing.test_offers import opened
from tests.statements import counted


@pytest.fixture
async def floor(new_database: NewDatabase) -> Floor:
    made = Floor(await new_database("routing"))
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


async def test_twenty_agents_ask_for_the_next_at_once_and_no_item_goes_to_two(floor: Floor) -> None:
    await floor.organise(_twenty)
    await floor.hear(*(opened(n, floor.now, waited=n) for n in range(1, 31)))
    for n in range(20):
        await floor.present(f"a{n}")
    got = await asyncio.gather(*(floor.take_next(f"a{n % 20}") for n in range(40)))
    items = [one for one in got if isinstance(one, UUID)]
    assert len(items) == len(set(items)) == 30
    assert [one for one in got if not isinstance(one, UUID)] == [None] * 10
    rows = await floor.rows(
        "select agent_id, count(*) as n from work_item where state = 'accepted' group by 1"
    )
    assert sum(row.n for row in rows) == 30
    assert max(row.n for row in rows) <= 2
    assert await floor.told("work.offered.v1") == await floor.told("work.accepted.v1") == 30


async def test_one_agent_who_asks_many_times_at_once_never_holds_more_than_their_capacity(
    floor: Floor,
) -> None:
    await floor.hear(*(opened(n, floor.now) for n in range(1, 11)))
    await floor.present("elena")
    got = await asyncio.gather(*(floor.take_next("elena") for _ in range(5)), floor.assign(), floor.assign())
    assert sum(isinstance(one, UUID) for one in got) <= 2
    (row,) = await floor.rows("select count(*) as n from work_item where agent_id = 'elena'")
    assert row.n == 2
    assert await floor.take_next("elena") == 409
    assert floor.refused[-1] == (409, "You have no room for it: you hold 2 of 2 units.")


async def test_the_next_is_the_best_that_suits_and_the_rest_is_not_for_me(floor: Floor) -> None:
    await floor.hear(
        opened(1, floor.now, department="rates", waited=90), opened(2, floor.now, waited=5), opened(3, floor.now, waited=50)
    )  # fmt: skip
    assert await floor.take_next("elena") == 409
    assert floor.refused[-1][1] == "You are offline: say that you are there first."
    await floor.present("elena", Presence.AWAY)
    await floor.take_next("elena")
    works = await floor.works()
    assert {key: row.state for key, row in works.items()} == {"C-1": QUEUED, "C-2": QUEUED, "C-3": ACCEPTED}
    await floor.take_next("elena")
    assert (await floor.works())["C-2"].agent_id == "elena"
    await floor.present("farid")
    assert await floor.take_next("farid") is None


async def test_asking_for_the_next_takes_as_many_statements_whatever_waits(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    await floor.present("farid")
    counts: list[int] = []
    for start in (1000, 2000, 3000):
        with counted(floor.engine) as statements:
            assert isinstance(await floor.take_next("farid"), UUID)
        counts.append(len(statements))
        await floor.hear(*(opened(start + n, floor.now) for n in range(150)))
    assert counts[0] == counts[1] == counts[2]


async def test_who_picks_first_has_it_and_only_where_the_queue_allows_it(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now), opened(2, floor.now, department="rates"), opened(3, floor.now))
    for who in ("elena", "farid", "amara"):
        await floor.present(who)
    works = await floor.works()
    first, rates = works["C-1"].work_item_id, works["C-2"].work_item_id
    picks = [floor.pick(who, first) for who in ("elena", "farid") * 5]
    assert sorted(await asyncio.gather(*picks)) == [200] + [409] * 9
    assert await floor.told("work.accepted.v1") == 1
    assert (409, "The work does not wait: it is accepted.") in floor.refused
    assert await floor.pick("amara", rates) == 403
    assert floor.refused[-1][1] == "Work of Rates is given out in its order, not picked."
    assert await floor.pick("elena", rates) == 404


async def test_offers_of_a_queue_whose_policy_forbids_it_are_not_declined(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now, department="rates"))
    await floor.present("amara")
    await floor.assign()
    (offer,) = (await floor.pending())["amara"]
    with pytest.raises(Exception, match="Work of Rates can't be declined") as refused:
        await floor.decline(offer, "amara")
    assert getattr(refused.value, "status", None) == 403
    assert (await floor.works())["C-1"].state == OFFERED


async def test_who_accepts_by_themselves_has_the_work_with_both_facts_told(floor: Floor) -> None:
    await floor.organise(agent("elena", auto_accept=True), queue("rates", auto_accept=True))
    await floor.hear(*(opened(n, floor.now) for n in (1, 2, 3)), opened(4, floor.now, department="rates"))
    for who in ("elena", "amara"):
        await floor.present(who)
    assert await floor.assign() == 3
    works = await floor.works()
    assert sorted(row.state for row in works.values()) == [ACCEPTED] * 3 + [QUEUED]
    assert works["C-4"].agent_id == "amara"
    assert await floor.told("work.offered.v1") == await floor.told("work.accepted.v1") == 3
    assert await floor.rows("select 1 from timer where kind = 'offer-expiry'") == []


async def test_work_is_never_given_to_who_has_just_left(floor: Floor) -> None:
    await floor.organise(agent("elena", auto_accept=True))
    await floor.hear(*(opened(n, floor.now) for n in range(1, 9)))
    for _ in range(10):
        await floor.present("elena")
        await asyncio.gather(
            floor.assign(), floor.present("elena", Presence.OFFLINE), floor.take_next("elena")
        )
        assert await floor.rows("select 1 from work_item where agent_id is not null") == []


async def test_a_supervisor_assigns_over_capacity_takes_back_and_it_goes_to_another(floor: Floor) -> None:
    await floor.hear(*(opened(n, floor.now, waited=9 - n) for n in (1, 2, 3)))
    works = await floor.works()
    third = works["C-3"].work_item_id
    assert await floor.give("elena", third) == 409
    assert floor.refused[-1][1] == "Elena Marino is offline: nobody would see the work."
    await floor.present("elena")
    await floor.assign()
    await floor.accept_all()
    assert await floor.give("elena", third) == 200
    assert await floor.give("elena", third) == 409
    assert {row.agent_id for row in (await floor.works()).values()} == {"elena"}
    assert await floor.told("work.transferred.v1") == 1
    assert await floor.take_back(third) == 200
    back = (await floor.works())["C-3"]
    assert (back.state, back.agent_id, back.queued_at) == (QUEUED, None, works["C-3"].queued_at)
    assert await floor.take_back(third) == 409
    await floor.present("farid")
    await floor.assign()
    assert (await floor.works())["C-3"].agent_id == "farid"
    past = (await floor.why("C-3"))["offers"]
    assert [(one.agent_id, one.result) for one in past] == [("elena", "taken-back"), ("farid", None)]
    assert past[0].reason == "taken back by Sam Okafor: too much on one desk"


async def test_an_offer_that_is_taken_back_is_over_whatever_another_replicas_clock_said_before(
    floor: Floor,
) -> None:
    await floor.hear(opened(1, floor.now))
    work = (await floor.works())["C-1"].work_item_id
    await floor.present("elena")
    await floor.offer("elena", work)
    ((who, (offer,)),) = (await floor.pending()).items()
    await floor.decline(offer, who)
    floor.now -= timedelta(seconds=1)
    await floor.offer("elena", work)
    assert await floor.take_back(work) == 200
    assert await floor.pending() == {}


async def test_work_taken_back_is_not_thrust_on_the_same_agent_at_once(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now))
    await floor.present("elena")
    await floor.assign()
    assert await floor.take_back((await floor.works())["C-1"].work_item_id) == 200
    assert await floor.pending() == {}
    assert await floor.assign() == 0


async def test_a_supervisor_changes_the_priority_and_the_order_follows(floor: Floor) -> None:
    await floor.hear(opened(1, floor.now), opened(2, floor.now))
    second = (await floor.works())["C-2"].work_item_id
    await floor.reprioritise(second, 90)
    await floor.reprioritise(second, 90)
    assert await floor.told("work.reprioritised.v1") == 1
    await floor.present("elena")
    assert await floor.take_next("elena") == second
