"""The live state says what a count of every row would say, whatever happened, and costs the same however much waits."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import CaseOpened
from antiphon.http.problems import Problem
from routing import store
from routing.queues import live
from routing.queues.live import Live, LiveState
from routing.work import handling
from tests.conftest import NewDatabase
from tests.support.routing.counts import add_up
from tests.support.routing.harness import Harness, opened, settled
from tests.support.statements import counted

DEPARTMENTS = ("planning", "rates", "roads", "nothing of ours")
AGENTS = ("elena", "farid", "amara", "chloe", "dev")


@pytest.fixture
async def pool(new_database: NewDatabase) -> Harness:
    made = Harness(await new_database("routing"))
    await made.load()
    return made


async def shown(pool: Harness) -> LiveState:
    async with pool.engine.begin() as tx:
        active = await pool.configurations.active(tx)
        return await live.read_state(tx, active, pool.now)


async def scanned(pool: Harness) -> dict[tuple[str, str], int]:
    rows = await pool.rows("select queue, state, count(*) as n from work_item group by queue, state")
    return {(row.queue, row.state): row.n for row in rows}


class Day:
    """Anything that may happen to work, by chance."""

    def __init__(self, pool: Harness, seed: int) -> None:
        self.pool = pool
        self.chance = random.Random(seed)  # noqa: S311 - not for secrets
        self.cases: list[CaseOpened] = []
        self.number = 0

    async def cases_open(self) -> None:
        fresh: list[CaseOpened] = []
        for _ in range(self.chance.randrange(1, 5)):
            self.number += 1
            fresh.append(opened(self.number, self.pool.now, self.chance.choice(DEPARTMENTS)))
        self.cases += fresh
        await self.pool.apply(*fresh)

    async def case_is_settled(self) -> None:
        if self.cases:
            await self.pool.apply(settled(self.cases.pop(self.chance.randrange(len(self.cases)))))

    async def agent_comes_or_goes(self) -> None:
        presences = [Presence.AVAILABLE, Presence.AVAILABLE, Presence.OFFLINE]
        await self.pool.present(self.chance.choice(AGENTS), self.chance.choice(presences))

    async def work_is_offered(self) -> None:
        await self.pool.assign()

    async def offers_are_answered(self) -> None:
        for agent, offers in (await self.pool.pending()).items():
            with contextlib.suppress(Problem):  # too late
                await (self.pool.accept if self.chance.random() < 0.5 else self.pool.decline)(
                    offers[0], agent
                )

    async def work_is_handed_on(self) -> None:
        pool = self.pool
        rows = await pool.rows(
            "select work_item_id from work_item where state <> 'completed' order by work_item_id"
        )
        if not rows:
            return
        async with pool.engine.begin() as tx:
            active = await pool.configurations.active(tx)
            await handling.transfer(
                tx, self.chance.choice(rows).work_item_id, Actor(kind="supervisor", id="s"), active,
                queue=self.chance.choice(list(active.configuration.queues)), agent=None, note=None,
                anyones=True, now=pool.now,
            )  # fmt: skip

    async def pass_by(self) -> None:
        happenings = [
            self.cases_open,
            self.cases_open,
            self.case_is_settled,
            self.agent_comes_or_goes,
            self.work_is_offered,
            self.offers_are_answered,
            self.work_is_handed_on,
        ]
        for _ in range(60):
            await self.chance.choice(happenings)()
            if self.chance.random() < 0.2:
                await add_up(self.pool)
            self.pool.now += timedelta(seconds=self.chance.randrange(20))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_counts_are_those_of_a_scan_after_anything_that_happens(pool: Harness, seed: int) -> None:
    await Day(pool, seed).pass_by()
    found = await shown(pool)
    truth = await scanned(pool)
    for queue in found.queues:
        key = queue.queue
        states = (queue.waiting, queue.offered, queue.accepted, queue.completed.last_60_minutes)
        assert states == tuple(
            truth.get((key, s), 0) for s in ("queued", "offered", "accepted", "completed")
        ), key
    assert sum(queue.arrived.last_60_minutes for queue in found.queues) >= sum(truth.values())
    everybody = Counter(agent.presence for agent in found.agents)
    assert sum(everybody.values()) == 8
    assert {agent.agent_id: agent.load for agent in found.agents if agent.load} == {
        row.agent_id: row.n
        for row in await pool.rows(
            "select agent_id, count(*) n from work_item where state in ('offered', 'accepted') group by 1"
        )
    }


async def test_a_queue_shows_who_waits_longest_what_is_due_next_and_what_came_when(pool: Harness) -> None:
    await pool.apply(opened(1, pool.now, waited=30), opened(2, pool.now, waited=10))
    pool.now += timedelta(minutes=20)
    await pool.apply(opened(3, pool.now))
    planning = next(queue for queue in (await shown(pool)).queues if queue.queue == "planning")
    rows = await pool.rows("select min(queued_at) as oldest, min(due_at) as due from work_item")
    assert (planning.oldest_queued_at, planning.next_due_at) == (rows[0].oldest, rows[0].due)
    assert planning.arrived.model_dump() == {
        "last_5_minutes": 1, "last_30_minutes": 3, "last_60_minutes": 3,
    }  # fmt: skip
    assert planning.agents == {"offline": 2}
    pool.now += timedelta(minutes=50)
    planning = next(queue for queue in (await shown(pool)).queues if queue.queue == "planning")
    assert planning.arrived.last_60_minutes == 1
    assert planning.waiting == 3


async def test_the_live_state_takes_four_statements_and_scans_nothing_that_waits(pool: Harness) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(300)))
    await shown(pool)  # the configuration is read
    with counted(pool.engine) as statements:
        await shown(pool)
    assert len(statements) == 5  # and the active version
    await add_up(pool)
    assert len(await pool.rows("select 1 from work_count_change")) == 0
    assert len(await pool.rows("select 1 from work_count")) == 2
    async with pool.engine.connect() as connection:
        await connection.execute(text("set enable_seqscan = off"))  # of 300 rows it would read all
        asked = store.counts.HEADS.text.replace(":queues", "array['planning']")
        plan = "\n".join(str(row[0]) for row in await connection.execute(text(f"explain {asked}")))
    assert "work_item_oldest_ix" in plan
    assert "work_item_waiting_ix" in plan


async def test_a_wallboard_hears_the_state_at_once_and_whenever_it_is_another(pool: Harness) -> None:
    board = Live(pool.engine, pool.configurations, lambda: pool.now)
    stream = board.stream()
    events: list[LiveState] = []

    async def listen() -> None:
        async for written in stream:
            name, data = written.decode().removesuffix("\n\n").split("\n")
            assert name == "event: live"
            events.append(LiveState.model_validate(json.loads(data.removeprefix("data: "))))
            if len(events) == 1:
                await pool.apply(opened(1, pool.now))
            else:
                break

    await asyncio.wait_for(listen(), 20)
    await stream.aclose()
    waiting = [sum(queue.waiting for queue in event.queues) for event in events]
    assert waiting == [0, 1]
