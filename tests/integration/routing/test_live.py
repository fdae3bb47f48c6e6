"""The live state equals a count of all rows after any events, and costs as many statements however much waits."""

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
from tests.support.routing.harness import Harness, opened, status_changed
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
        active = await pool.configurations.active(tx, pool.now)
        return await live.read_state(tx, active, pool.now, {})


async def scanned(pool: Harness) -> dict[tuple[str, str], int]:
    rows = await pool.rows("select queue, state, count(*) as n from work_item group by queue, state")
    return {(row.queue, row.state): row.n for row in rows}


class RandomActions:
    """Random actions of customers, agents and supervisors."""

    def __init__(self, pool: Harness, seed: int) -> None:
        self.pool = pool
        self.chance = random.Random(seed)  # noqa: S311 - not for secrets
        self.cases: list[CaseOpened] = []
        self.number = 0

    async def cases_open(self) -> None:
        events: list[CaseOpened] = []
        for _ in range(self.chance.randrange(1, 5)):
            self.number += 1
            events.append(opened(self.number, self.pool.now, self.chance.choice(DEPARTMENTS)))
        self.cases += events
        await self.pool.apply(*events)

    async def answer_is_written(self) -> None:
        if self.cases:
            await self.pool.apply(status_changed(self.cases.pop(self.chance.randrange(len(self.cases)))))

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

    async def work_is_transferred(self) -> None:
        pool = self.pool
        rows = await pool.rows(
            "select work_item_id from work_item where state <> 'completed' order by work_item_id"
        )
        if not rows:
            return
        async with pool.engine.begin() as tx:
            active = await pool.configurations.active(tx, pool.now)
            await handling.transfer(
                tx, self.chance.choice(rows).work_item_id, Actor(kind="supervisor", id="s"), active,
                queue=self.chance.choice(list(active.configuration.queues)), agent=None, note=None,
                anyones=True, now=pool.now,
            )  # fmt: skip

    async def run(self) -> None:
        actions = [
            self.cases_open,
            self.cases_open,
            self.answer_is_written,
            self.agent_comes_or_goes,
            self.work_is_offered,
            self.offers_are_answered,
            self.work_is_transferred,
        ]
        for _ in range(60):
            await self.chance.choice(actions)()
            if self.chance.random() < 0.2:
                await add_up(self.pool)
            self.pool.now += timedelta(seconds=self.chance.randrange(20))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_counts_equal_a_scan_after_any_events(pool: Harness, seed: int) -> None:
    await RandomActions(pool, seed).run()
    state = await shown(pool)
    counted_rows = await scanned(pool)
    for queue in state.queues:
        key = queue.queue
        states = (queue.waiting, queue.offered, queue.accepted, queue.completed.last_60_minutes)
        assert states == tuple(
            counted_rows.get((key, s), 0) for s in ("queued", "offered", "accepted", "completed")
        ), key
    assert sum(queue.arrived.last_60_minutes for queue in state.queues) >= sum(counted_rows.values())
    presences = Counter(agent.presence for agent in state.agents)
    assert sum(presences.values()) == 8
    assert {agent.agent_id: agent.load for agent in state.agents if agent.load} == {
        row.agent_id: row.n
        for row in await pool.rows(
            "select agent_id, count(*) n from work_item where state in ('offered', 'accepted') group by 1"
        )
    }


async def test_a_queue_shows_its_longest_wait_its_next_due_time_and_its_arrivals(pool: Harness) -> None:
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


async def test_a_queue_shows_what_is_overdue_what_is_at_risk_and_who_is_free(pool: Harness) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(1, 5)))
    due = {1: -1, 2: 14, 3: 16, 4: 600}
    async with pool.engine.begin() as tx:
        for n, minutes in due.items():
            at = pool.now + timedelta(minutes=minutes)
            values = {"at": at, "reference": f"C-{n}"}
            await tx.execute(
                text("update work_item set due_at = :at where case_reference = :reference"), values
            )
        warned = "update clock set warned = '{75}' where case_id in (select case_id from work_item where case_reference = 'C-4')"
        await tx.execute(text(warned))
    await pool.present("elena")
    planning = next(queue for queue in (await shown(pool)).queues if queue.queue == "planning")
    assert (planning.overdue, planning.at_risk, planning.agents_free) == (1, 2, 1)
    await pool.assign()  # two of the four to Elena, who can hold no more
    planning = next(queue for queue in (await shown(pool)).queues if queue.queue == "planning")
    assert (planning.waiting, planning.agents_free) == (2, 0)


async def test_usual_arrivals_are_the_mean_of_the_same_time_on_the_days_before(pool: Harness) -> None:
    board = Live(pool.engine, pool.configurations, lambda: pool.now)
    await pool.apply(opened(1, pool.now))
    assert all(queue.usual is None for queue in (await board.now()).queues)
    start = pool.now
    pool.now = start + timedelta(days=1)
    await pool.apply(*(opened(n, pool.now) for n in range(2, 5)))
    pool.now = start + timedelta(days=2, minutes=10)
    await add_up(pool)
    async with pool.engine.begin() as tx:
        usual = await store.counts.usual(tx, ["planning", "rates"], pool.now)
    assert usual == {"planning": (0.0, 3.0, 3.0), "rates": (0.0, 0.0, 0.0)}


async def test_the_live_state_takes_five_statements_and_scans_no_waiting_work(pool: Harness) -> None:
    await pool.apply(*(opened(n, pool.now) for n in range(300)))
    await shown(pool)  # this one reads the configuration
    with counted(pool.engine) as statements:
        await shown(pool)
    assert len(statements) == 5  # one of them reads the active version
    await add_up(pool)
    assert len(await pool.rows("select 1 from work_count_change")) == 0
    assert len(await pool.rows("select 1 from work_count")) == 2
    async with pool.engine.connect() as connection:
        await connection.execute(text("set enable_seqscan = off"))  # the planner scans a table of 300 rows
        query = store.counts.HEADS.text.replace(":queues", "array['planning']")
        query = query.replace(":now", "now()").replace(":soon", "now() + interval '15 minutes'")
        plan = "\n".join(str(row[0]) for row in await connection.execute(text(f"explain {query}")))
    assert "work_item_oldest_ix" in plan
    assert "work_item_waiting_ix" in plan
    assert "clock_warned_ix" in plan


async def test_a_wallboard_gets_the_state_at_once_and_after_each_change(pool: Harness) -> None:
    board = Live(pool.engine, pool.configurations, lambda: pool.now)
    stream = board.stream()
    events: list[LiveState] = []

    async def listen() -> None:
        async for chunk in stream:
            name, data = chunk.decode().removesuffix("\n\n").split("\n")
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
