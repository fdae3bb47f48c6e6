"""A rush: many agents and cases on three replicas of routing, which are killed repeatedly. Checked during the rush and at its end."""

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
from tests.faults.result import FaultResult
from tests.faults.rush import work_events
from tests.faults.rush.agents import Agents
from tests.faults.rush.cases import Cases
from tests.faults.rush.invariants import InvariantChecks
from tests.faults.rush.organisation import organisation_of_rush
from tests.load.flow import Flow
from tests.support.waiting import until

REPLICAS = 3
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 5.0
LONGEST_S = 3600
QUIET_S = 60
REPORT_EVERY_S = 20


class Sizes(NamedTuple):
    """Agents, cases, cases a second, and the work items that are completed `between` two kills."""

    agents: int
    cases: int
    per_second: float
    between: int


WHOLE, QUICK = Sizes(200, 5000, 25, 100), Sizes(40, 300, 15, 20)


@dataclass
class Rush:
    """One rush on a stack of its own: PostgreSQL, Kafka and routing."""

    sizes: Sizes
    seed: int
    report: Callable[[str], None]
    kills: list[datetime] = field(default_factory=list[datetime])

    async def run(self) -> FaultResult:
        """Starts the stack, runs the rush and checks it."""
        result = FaultResult(RUSH, self.seed, per_second=self.sizes.per_second)
        began = time.monotonic()
        path = FOLDER / "rush.yaml"
        employed = organisation_of_rush(path, self.sizes.agents)
        stack = Stack(Site(FOLDER / "site-rush", Ports.free(), path))
        dice = random.Random(self.seed)  # noqa: S311 - faults, not secrets
        try:
            await asyncio.to_thread(_start, stack)
            log_offset = deadlocks.log_size(stack)
            async with Flow(stack) as flow, Cases(stack.kafka.bootstrap, dice, self.sizes.cases, self.sizes.per_second) as cases:  # fmt: skip
                agents = Agents(stack, employed, cases, dice, REPLICAS)
                invariants = InvariantChecks(flow, employed, agents, result, self.sizes.cases)
                await self._rush(stack, cases, agents, invariants, result, dice)
                await self._check(flow, cases, agents, result)
                result.notes.append(
                    f"{invariants.checks} checks of the database, at most {invariants.most_assigned} items assigned at once"
                )
                result.notes.append(", ".join(f"{what} {n}" for what, n in sorted(agents.actions.items())))
            result.deadlocks = deadlocks.since(stack, log_offset)
        finally:
            await asyncio.to_thread(stack.stop)
        result.seconds = round(time.monotonic() - began, 1)
        return result

    async def _rush(
        self,
        stack: Stack,
        cases: Cases,
        agents: Agents,
        invariants: InvariantChecks,
        result: FaultResult,
        dice: random.Random,
    ) -> None:
        publishing, working = asyncio.create_task(cases.publish_all()), asyncio.create_task(agents.run())
        try:
            async with (
                asyncio.timeout(LONGEST_S),
                _in_background(self._kill(stack, invariants, result, dice), self._progress(invariants)),
            ):
                await invariants.run()
        except TimeoutError:
            result.notes.append(f"not all work was completed after {LONGEST_S} s")
        finally:
            agents.stop()
            done, late = await asyncio.wait([publishing, working], timeout=QUIET_S)
            for task in late:
                task.cancel()
        for task in done:
            await task

    async def _progress(self, invariants: InvariantChecks) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            self.report(f"{invariants.completed} of {self.sizes.cases} completed, {len(self.kills)} kills")

    async def _kill(
        self, stack: Stack, invariants: InvariantChecks, result: FaultResult, dice: random.Random
    ) -> None:
        """Kills a replica and starts it again, each time all replicas are ready and some work was completed."""
        completed = 0
        async with httpx.AsyncClient(timeout=2) as http:
            while True:
                await asyncio.sleep(dice.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S))
                ready = [n for n in range(1, REPLICAS + 1) if await _is_ready(http, stack, n)]
                result.crashes += len(await asyncio.to_thread(stack.restart_dead, result.notes.append))
                if len(ready) < REPLICAS or invariants.completed < completed + self.sizes.between:
                    continue
                completed = invariants.completed
                replica = dice.choice(ready)
                name = "routing" if replica == 1 else f"routing#{replica}"
                self.kills.append(utc_now())
                await asyncio.to_thread(stack.kill, name)
                await asyncio.to_thread(stack.start_service, "routing", replica=replica, wait=False)

    async def _check(self, flow: Flow, cases: Cases, agents: Agents, result: FaultResult) -> None:
        async def outbox_is_empty() -> bool:
            return not await flow.query("routing", "select 1 from outbox limit 1")

        await until(outbox_is_empty, within=QUIET_S, what="all events are published")
        histories = work_events.read(await flow.records({}, ["work"]), result)
        rows = await flow.query("routing", "select work_item_id, case_id, state from work_item")
        result.sent, result.answers = len(cases.published), agents.actions["answered"]
        items_of: dict[object, int] = {}
        for row in rows:
            items_of[row["case_id"]] = items_of.get(row["case_id"], 0) + 1
            published = histories.state.get(row["work_item_id"])
            if row["state"] != "completed" or published != "completed":
                result.unanswered += 1
                result.notes.append(
                    f"{row['work_item_id']} is {row['state']}, its last published state is {published}"
                )
        result.lost += sum(case not in items_of for case in cases.published)
        result.doubled += sum(n - 1 for n in items_of.values())
        # Each accept that the API confirmed is an event too.
        result.lost += len(agents.accepted - histories.accepted)
        (dead,) = await flow.query("routing", "select count(*) as n from dead_letter")
        (wrong_counts,) = await flow.query(
            "routing",
            "select count(*) as n from (select 1 from (select * from work_count union all select * from work_count_change) t "
            "where minute = 'epoch' group by queue, what having sum(count) <> 0) s",
        )
        repair = await flow.query("routing", "select kind, count(*) as n from finding group by 1")
        result.dead_letters, result.disagreements = (
            dead["n"],
            wrong_counts["n"] + sum(row["n"] for row in repair),
        )
        result.notes += [f"the reconciliation found {row['n']} {row['kind']}" for row in repair]
        await self._measure(flow, cases, result)

    async def _measure(self, flow: Flow, cases: Cases, result: FaultResult) -> None:
        """The time from each kill to the next offer, and from each case's event to the decision about its work."""
        offers = await flow.query("routing", "select offered_at from offer order by offered_at")
        after = _first_after(self.kills, [row["offered_at"] for row in offers])
        decided = await flow.query("routing", "select case_id, min(at) as at from decision group by 1")
        waits = sorted((row["at"] - cases.published[row["case_id"]]).total_seconds() for row in decided)
        if after and waits:
            result.recovery_s = round(max(after), 2)
            result.notes.append(
                f"{len(self.kills)} kills; the next offer came after {median(after):.2f} s (median), {max(after):.2f} s (most)"
            )
            result.notes.append(
                f"cases were routed {median(waits):.2f} s (median), {waits[len(waits) * 99 // 100]:.2f} s (p99), "
                f"{waits[-1]:.2f} s (most) after their event; {len(offers)} offers"
            )


def _start(stack: Stack) -> None:
    stack.start_infrastructure()
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
    """Seconds from each moment to the first event after it, without moments that no event follows."""
    places = [(moment, bisect_right(events, moment)) for moment in moments]
    return [(events[place] - moment).total_seconds() for moment, place in places if place < len(events)]


@contextlib.asynccontextmanager
async def _in_background(*coroutines: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Runs these while entered. Raises what they raise, when it is left."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome
