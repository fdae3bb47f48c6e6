"""Everybody does everything at once: no item is lost or with two, nobody has more than they can take or works offline."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from antiphon.contracts.agents import Presence
from tests.conftest import NewDatabase
from tests.integration.routing.floor import ACCEPTED, OFFERED, QUEUED, Floor, agent, queue, section
from tests.integration.routing.test_agents import heartbeat
from tests.integration.routing.test_offers import opened

PEOPLE = ("elena", "farid")
ITEMS = 40


async def _one(floor: Floor, dice: random.Random) -> None:
    """One of the verbs, by one of the people, on some of the work."""
    who = dice.choice(PEOPLE)
    held = [row for row in (await floor.works()).values() if row.state in {OFFERED, ACCEPTED}]
    waiting = [row for row in (await floor.works()).values() if row.state == QUEUED]
    offers = [(one, offer) for one, given in (await floor.pending()).items() for offer in given]
    verbs: list[Callable[[], Awaitable[object]]] = [
        floor.assign,
        floor.assign,
        lambda: floor.take_next(who),
        lambda: floor.present(who, dice.choice([Presence.AVAILABLE, Presence.AVAILABLE, Presence.OFFLINE])),
        lambda: heartbeat(floor, who),
        lambda: floor.make_due("presence-lost"),
        lambda: floor.make_due("offer-expiry"),
    ]
    if waiting:
        item = dice.choice(waiting)
        verbs += [
            lambda: floor.pick(who, item.work_item_id),
            lambda: floor.reprioritise(item.work_item_id, dice.randint(0, 100)),
        ]
    if held:
        taken = dice.choice(held)
        verbs += [lambda: floor.take_back(taken.work_item_id)]
        if taken.state == ACCEPTED:
            verbs += [lambda: floor.complete_if_theirs(taken.agent_id, taken.work_item_id)]
    if offers:
        one, offer = dice.choice(offers)
        verbs += [lambda: floor.accept(offer, one), lambda: floor.decline_if_theirs(offer, one)]
    await dice.choice(verbs)()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_people_do_at_once_work_is_whole(new_database: NewDatabase, seed: int) -> None:
    floor = Floor(await new_database("routing"))
    await floor.organise(
        queue("planning", may_pick=True),
        agent("farid", auto_accept=True),
        section("channel_units", {"email": 1}),
    )
    await floor.hear(*(opened(n, floor.now, waited=n) for n in range(1, ITEMS + 1)))
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    for _ in range(25):
        await asyncio.gather(*(_one(floor, dice) for _ in range(8)))
        works = await floor.works()
        assert len(works) == ITEMS
        rows = await floor.rows(
            "select w.agent_id, a.presence, sum(w.units) as load from work_item w left join agent a using (agent_id) "
            "where w.state in ('offered', 'accepted') group by 1, 2"
        )
        capacity = {"elena": 2, "farid": 3}
        assert all(row.presence != "offline" and row.load <= capacity[row.agent_id] for row in rows)
        assert all(
            (row.agent_id is None) == (row.state == QUEUED)
            for row in works.values()
            if row.completed_at is None
        )
        odd = await floor.rows(
            "select 1 from work_item w left join offer o on o.work_item_id = w.work_item_id and o.result is null "
            "where (w.state = 'offered') <> (o.offer_id is not null) or o.agent_id <> w.agent_id"
        )
        assert odd == []
    standing = await floor.rows(
        "select state, count(*) as n from work_item where state <> 'completed' group by 1"
    )
    counted = await floor.rows(
        "select what, sum(count) as n from tally_change where minute = 'epoch' group by 1 having sum(count) <> 0"
    )
    assert {row.state: row.n for row in standing} == {row.what: row.n for row in counted}
