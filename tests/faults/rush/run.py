"""A rush: many agents and items on three replicas of routing, one of which is killed again and again; judged as it lasts and at its end."""

import asyncio
import contextlib
import random
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

import httpx

from antiphon.process.clock import utc_now
from deploy.site import Ports, Site
from deploy.stack import Stack
from tests.faults import deadlocks
from tests.faults.catalogue import FOLDER, RUSH
from tests.faults.found import Found
from tests.faults.rush import story
from tests.faults.rush.crew import crew
from tests.faults.rush.items import Items
from tests.faults.rush.people import People
from tests.faults.rush.watch import Watch
from tests.load.flow import Flow
from tests.support.waiting import until

REPLICAS = 3
SOONEST_S, LATEST_S = 1.0, 5.0
LONGEST_S = 3600
QUIET_S = 60
TELL_EVERY_S = 20


class Sizes(NamedTuple):
    """How much: agents, items, items per second; the items `between` a kill and the next, however slow the machine is."""

    agents: int
    items: int
    per_second: float
    between: int


WHOLE, QUICK = Sizes(200, 5000, 25, 100), Sizes(40, 300, 15, 20)


@dataclass
class Rush:
    """One rush on a stack of its own: PostgreSQL, Kafka and routing."""

    sizes: Sizes
    seed: int
    tell: Callable[[str], None]
    kills: list[datetime] = field(default_factory=list[datetime])

    async def run(self) -> Found:
        """Starts the stack, lets them rush, and judges."""
        found = Found(RUSH, self.seed, per_second=self.sizes.per_second)
        began = time.monotonic()
        path = FOLDER / "rush.yaml"
        members = crew(path, self.sizes.agents)
        stack = Stack(Site(FOLDER / "site-rush", Ports.free(), path))
        dice = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        try:
            await asyncio.to_thread(_start, stack)
            where = deadlocks.place(stack)
            async with Flow(stack) as flow, Items(stack.kafka.bootstrap, dice, self.sizes.items, self.sizes.per_second) as items:  # fmt: skip
                people = People(stack, members, items, dice, REPLICAS)
                watch = Watch(flow, members, people, found, self.sizes.items)
                await self._rush(stack, items, people, watch, found, dice)
                await self._judge(flow, items, people, found)
                found.notes.append(
                    f"{watch.looks} looks at the database, at most {watch.most_held} items held at once"
                )
                found.notes.append(", ".join(f"{what} {n}" for what, n in sorted(people.did.items())))
            found.deadlocks = deadlocks.since(stack, where)
        finally:
            await asyncio.to_thread(stack.stop)
        found.seconds = round(time.monotonic() - began, 1)
        return found

    async def _rush(
        self, stack: Stack, items: Items, people: People, watch: Watch, found: Found, dice: random.Random
    ) -> None:
        telling, working = asyncio.create_task(items.tell_all()), asyncio.create_task(people.run())
        try:
            async with (
                asyncio.timeout(LONGEST_S),
                _beside(self._kill(stack, watch, found, dice), self._progress(watch)),
            ):
                await watch.run()
        except TimeoutError:
            found.notes.append(f"not done after {LONGEST_S} s")
        finally:
            people.stop()
            done, late = await asyncio.wait([telling, working], timeout=QUIET_S)
            for task in late:
                task.cancel()
        for task in done:
            await task

    async def _progress(self, watch: Watch) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.tell(f"{watch.completed} of {self.sizes.items} completed, {len(self.kills)} kills")

    async def _kill(self, stack: Stack, watch: Watch, found: Found, dice: random.Random) -> None:
        """Again and again, when all are ready and have done some work, one of them; it is started again at once."""
        done = 0
        async with httpx.AsyncClient(timeout=2) as http:
            while True:
                await asyncio.sleep(dice.uniform(SOONEST_S, LATEST_S))
                ready = [n for n in range(1, REPLICAS + 1) if await _is_ready(http, stack, n)]
                found.crashes += len(await asyncio.to_thread(stack.restart_dead, found.notes.append))
                if len(ready) < REPLICAS or watch.completed < done + self.sizes.between:
                    continue
                done = watch.completed
                replica = dice.choice(ready)
                name = "routing" if replica == 1 else f"routing#{replica}"
                self.kills.append(utc_now())
                await asyncio.to_thread(stack.kill, name)
                await asyncio.to_thread(stack.start_service, "routing", replica=replica, wait=False)

    async def _judge(self, flow: Flow, items: Items, people: People, found: Found) -> None:
        async def all_told() -> bool:
            return not await flow.ask("routing", "select 1 from outbox limit 1")

        await until(all_told, within=QUIET_S, what="all is published")
        told = story.read(await flow.records({}, ["work"]), found)
        rows = await flow.ask("routing", "select work_item_id, case_id, state from work_item")
        found.sent, found.answers = len(items.told), people.did["answered"]
        of_case: dict[object, int] = {}
        for row in rows:
            of_case[row["case_id"]] = of_case.get(row["case_id"], 0) + 1
            if row["state"] != "completed" or told.state.get(row["work_item_id"]) != "completed":
                found.unanswered += 1
                found.notes.append(
                    f"{row['work_item_id']} is {row['state']}, told {told.state.get(row['work_item_id'])}"
                )
        found.lost += sum(case not in of_case for case in items.told)
        found.doubled += sum(n - 1 for n in of_case.values())
        # Who was told that it is theirs had it, and nobody else did until it was given back.
        found.lost += len(people.told_yes - told.accepted)
        (dead,) = await flow.ask("routing", "select count(*) as n from dead_letter")
        (standing,) = await flow.ask(
            "routing",
            "select count(*) as n from (select 1 from (select * from work_count union all select * from work_count_change) t "
            "where minute = 'epoch' group by queue, what having sum(count) <> 0) s",
        )
        repair = await flow.ask("routing", "select kind, count(*) as n from finding group by 1")
        found.dead_letters, found.disagreements = dead["n"], standing["n"] + sum(row["n"] for row in repair)
        found.notes += [f"the reconciliation found {row['n']} {row['kind']}" for row in repair]
        await self._measure(flow, items, found)

    async def _measure(self, flow: Flow, items: Items, found: Found) -> None:
        """How long after each kill an offer was made, and how long after it was told of each item was taken."""
        offers = await flow.ask("routing", "select offered_at from offer order by offered_at")
        after = _first_after(self.kills, [row["offered_at"] for row in offers])
        taken = await flow.ask("routing", "select case_id, min(at) as at from decision group by 1")
        waits = sorted((row["at"] - items.told[row["case_id"]]).total_seconds() for row in taken)
        if after and waits:
            found.recovery_s = round(max(after), 2)
            found.notes.append(
                f"{len(self.kills)} kills; the next offer came after {median(after):.2f} s (median), {max(after):.2f} s (most)"
            )
            found.notes.append(
                f"items were taken {median(waits):.2f} s (median), {waits[len(waits) * 99 // 100]:.2f} s (p99), "
                f"{waits[-1]:.2f} s (most) after they were told of; {len(offers)} offers"
            )


def _start(stack: Stack) -> None:
    stack.start_ground()
    for replica in range(1, REPLICAS + 1):
        stack.start_service("routing", replica=replica, wait=False)
    for replica in range(1, REPLICAS + 1):
        stack.wait_ready("routing", replica=replica)


async def _is_ready(http: httpx.AsyncClient, stack: Stack, replica: int) -> bool:
    try:
        return (await http.get(f"{stack.url('routing', replica=replica)}/readyz")).is_success
    except httpx.HTTPError:
        return False


def _first_after(moments: Sequence[datetime], events: Sequence[datetime]) -> list[float]:
    """Seconds from each moment to the first event after it; moments after which there is none are left out."""
    places = [(moment, bisect_right(events, moment)) for moment in moments]
    return [(events[place] - moment).total_seconds() for moment, place in places if place < len(events)]


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Runs these while entered; what they raise is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome
