"""Live changes of work: who follows them has the same list as who reads it anew, whatever happens to the work."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from pydantic_core import to_json
from sqlalchemy import text

from antiphon.http import changes
from antiphon.http.changes import Change, ChangeFeed
from antiphon.organisation.agent import Agent
from antiphon.postgres.query import mapping
from routing import store
from routing.api.changes import concerning
from routing.domain.work_change import WorkChange
from routing.domain.work_item import WorkItem
from tests.conftest import NewDatabase
from tests.support.routing.agent_pool import AgentPool
from tests.support.routing.harness import opened
from tests.support.routing.organisation import queue

Row = dict[str, Any]


class Desktop:
    """An agent's list of work, kept up to date by the live stream alone."""

    def __init__(self, pool: AgentPool, feed: ChangeFeed, agent: Agent) -> None:
        self.pool, self.feed, self.agent = pool, feed, agent
        self.shown: dict[str, Row] = {}
        self.last: str | None = None

    async def begin(self) -> None:
        """Opens the stream for the first time."""
        async with aclosing(self.feed.stream(None, concerning(self.agent))) as stream:
            self.last = re.findall(r"id: (\S+)", (await anext(stream)).decode())[0]

    async def follow(self, until: str) -> list[Row]:
        """Applies the changes up to the one of this subject; returns those of work."""
        came: list[Row] = []
        async with aclosing(self.feed.stream(self.last, concerning(self.agent))) as stream:
            async for chunk in stream:
                for block in filter(None, chunk.decode().split("\n\n")):
                    fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
                    if fields.get("event") == "work":
                        came.append(json.loads(fields["data"]))
                        self._apply(came[-1])
                    if fields.get("event") == "end" and json.loads(fields["data"])["subject"] == until:
                        self.last = fields["id"]
                        return came
        raise AssertionError(until)

    def _apply(self, change: Row) -> None:
        item = change.pop("subject")
        queues = {change["queue"], *change["also_queues"]}
        if queues.isdisjoint(self.agent.queues) and change["agent_id"] != self.agent.id:
            self.shown.pop(item, None)
        else:
            self.shown[item] = change

    async def read(self) -> dict[str, Row]:
        """The list as the database has it."""
        async with self.pool.engine.connect() as connection:
            rows = await store.work_items.page(
                connection, store.work_items.BY_CHANGE, None, None, None, self.agent, None, 200
            )
        fields = {str(row.work_item_id): WorkChange.of(WorkItem.of(mapping(row))).row() for row in rows}
        read: dict[str, Row] = json.loads(to_json(fields))
        return read


@pytest.fixture
async def pool(new_database: NewDatabase) -> AgentPool:
    made = AgentPool(await new_database("routing"))
    steps = [{"after": "60s", "add_queue": "roads"}]
    await made.organise(queue("planning", steps=steps, limit={"waiting": 2, "overflow": "front-desk"}))
    return made


@pytest.fixture
async def feed(pool: AgentPool) -> AsyncIterator[ChangeFeed]:
    made = ChangeFeed(pool.engine)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()


async def test_a_list_that_follows_the_stream_equals_the_list_that_is_read_anew(
    pool: AgentPool, feed: ChangeFeed
) -> None:
    async with pool.engine.connect() as connection:
        agents = (await pool.active(connection)).configuration.agents_by_id
    desktops = [Desktop(pool, feed, agents[name]) for name in ("elena", "farid", "amara", "chloe", "hugo")]
    for desktop in desktops:
        await desktop.begin()
    number = 0

    async def after(act: Callable[[], Awaitable[object]], *, concerns: set[str]) -> None:
        nonlocal number
        await act()
        number += 1
        async with pool.engine.begin() as tx:
            everyone = [f"agent:{desktop.agent.id}" for desktop in desktops]
            await changes.record(tx, [Change("end", str(number), everyone, {})])
        reached = {desktop.agent.id for desktop in desktops if await desktop.follow(str(number))}
        assert reached == concerns
        for desktop in desktops:
            assert desktop.shown == await desktop.read(), desktop.agent.id

    async def item(reference: str = "C-1") -> Any:
        return (await pool.works())[reference].work_item_id

    async def offer(agent: str) -> Any:
        return (await pool.pending())[agent][0]

    async def step_is_due() -> None:
        pool.now += timedelta(seconds=61)
        async with pool.engine.begin() as tx:
            await tx.execute(text("update timer set due_at = now() where kind = 'step'"))
        await pool.fire()

    planning = {"elena", "farid"}
    await after(lambda: pool.apply(opened(1, pool.now)), concerns=planning)
    await after(step_is_due, concerns=planning | {"chloe"})  # roads is asked, too
    await pool.present("elena")
    await after(pool.assign, concerns=planning | {"chloe"})
    elenas = await offer("elena")
    await after(lambda: pool.decline(elenas, "elena"), concerns=planning | {"chloe"})
    one = await item()
    await after(lambda: pool.reprioritise(one, 77), concerns=planning | {"chloe"})
    # It leaves planning, and roads that was asked, too.
    await after(lambda: pool.transfer(one, "rates"), concerns=planning | {"chloe", "amara"})
    await pool.present("chloe")
    # Chloe is of neither queue: what she has reaches her, and what is taken from her.
    await after(lambda: pool.assign_to("chloe", one), concerns={"amara", "chloe"})
    await after(lambda: pool.take_back(one), concerns={"amara", "chloe"})
    await after(lambda: pool.offer_to("chloe", one), concerns={"amara", "chloe"})
    chloes = await offer("chloe")
    await after(lambda: pool.decline(chloes, "chloe"), concerns={"amara", "chloe"})
    await pool.present("amara")
    await after(lambda: pool.assign_to("amara", one), concerns={"amara"})
    await after(lambda: pool.complete("amara", one), concerns={"amara"})
    await after(lambda: pool.apply(opened(2, pool.now)), concerns=planning)
    # Of two more, the second finds the queue full, and overflows.
    await after(lambda: pool.apply(opened(3, pool.now), opened(4, pool.now)), concerns=planning | {"hugo"})
