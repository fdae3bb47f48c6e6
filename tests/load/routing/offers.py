"""What an offer costs, and how soon who is free again has one, with little and with much waiting."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import yaml
from sqlalchemy import text

from antiphon.contracts.base import Actor
from antiphon.contracts.work import WorkState
from antiphon.postgres.listener import Listener
from antiphon.postgres.query import as_json
from antiphon.postgres.writes import insert_rows
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from routing import store, tasks, timers
from routing.configuration.active import Configurations
from routing.work import assignment, handling, offers
from tests.load.figures import Figure
from tests.load.routing_stand import Bench, percentile, short
from tests.support.statements import counted

QUEUES, SKILLS, KINDS, AGENTS = 12, 40, 96, 200
OURS = [f"q{n}" for n in range(QUEUES)]
AGAIN = timedelta(seconds=60)
WARM, COUNTED = 10, 10  # rounds that are not timed: the first, and those whose statements are counted
MOST_GROWTH, MOST_FREED_MS = 2, 100

_WAIT = text(
    """
    insert into work_item (work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, skills,
        queued_at, due_at, order_at, decision_id, changed_at)
    select i, i, 'B-' || i, i, 'email', 'queued', k.queue, k.priority, k.skills, at, at + interval '4 hours',
        at + interval '4 hours' - k.priority * interval '1 minute', i, at
    from generate_series(1, :count) as s(n) cross join lateral (
        select gen_random_uuid() as i, cast(:now as timestamptz) - (:count - s.n) * interval '0.1 second' as at
    ) w join jsonb_to_recordset(cast(:kinds as jsonb)) as k(n int, queue text, skills jsonb, priority int) on k.n = s.n % :of
    """
)
_SEEN = text(
    "insert into case_seen (case_id, revision) select case_id, 1 from work_item on conflict do nothing"
)
_BARE = [
    text(statement)
    for statement in (
        "drop table if exists bare",
        "create table bare (id uuid primary key, queue text not null, state text not null, order_at timestamptz not null, agent text)",
        "insert into bare select work_item_id, queue, state, order_at from work_item where state = 'queued'",
        "create index on bare (queue, order_at) where state = 'queued'",
    )
]
_CLAIM = "select id from bare where state = 'queued' and queue = $1 order by order_at limit 1 for update skip locked"
_TAKE = "update bare set state = 'offered', agent = $2 where id = $1"
_HELD = text("select work_item_id from work_item where agent_id = :agent and state = 'accepted'")
_OFFERED = text("select offer_id from offer where agent_id = :agent and result is null")


class Cost(NamedTuple):
    """What was done: milliseconds that it took, and of them the CPU of this process."""

    ms: float
    cpu_ms: float


class Desks:
    """Agents who are busy, until one of them is freed."""

    def __init__(self, bench: Bench) -> None:
        self.engine = bench.engine
        self.configurations = Configurations()
        self._next = cycle(f"a{n}" for n in range(AGENTS))

    async def free(self, who: str) -> float:
        """The agent completes what they hold; when that began to be committed."""
        async with self.engine.connect() as connection:
            begun = await connection.begin()
            active = await self.configurations.active(connection)
            item: UUID = await connection.scalar(_HELD, {"agent": who})
            by = Actor(kind="agent", id=who)
            await handling.complete(connection, item, by, active, "answered", anyones=False, now=utc_now())
            freed = time.perf_counter()
            await begun.commit()
        return freed

    async def assign(self) -> int:
        """One pass; how many offers it made."""
        async with self.engine.begin() as tx:
            return await assignment.assign(tx, self.configurations, AGAIN, utc_now())

    async def offer(self, who: str) -> UUID | None:
        """The offer that is out to the agent."""
        async with self.engine.connect() as connection:
            found: UUID | None = await connection.scalar(_OFFERED, {"agent": who})
            return found

    async def accept(self, who: str) -> None:
        """The agent takes what they are offered, and is busy."""
        offer = await self.offer(who)
        if offer is None:
            raise RuntimeError(f"{who} was offered nothing")
        async with self.engine.begin() as tx:
            await offers.accept(tx, offer, who, utc_now())

    def next(self) -> str:
        """One agent after the other."""
        return next(self._next)


async def offering(bench: Bench) -> None:
    """With each number waiting: passes when one agent is free, beside a bare claim; then the service's own loop, from freed to offered."""
    desks = Desks(bench)
    await _open(bench, desks)
    first: tuple[float, float] | None = None
    for waiting in bench.sizes.waiting:
        bench.tell(f"{waiting:,} items wait")
        await wait(bench, waiting, OURS)
        await _bare(bench)
        made, bare = await _passes(bench, desks)
        with counted(bench.engine) as statements:
            each = [await _counted(desks, statements) for _ in range(COUNTED)]
        await wait(bench, waiting, OURS)
        freed = await _freed(bench, desks)
        middle = percentile([cost.ms for cost in made], 50), percentile([cost.cpu_ms for cost in made], 50)
        name, size = f"offer_{short(waiting)}", f"{waiting:,} wait in {KINDS} kinds, {AGENTS} agents"
        bare_ms = percentile([cost.ms for cost in bare], 50)
        note = (
            f"a pass when one agent is free, beside a bare SKIP LOCKED claim; median of {len(made)}, {size}"
        )
        bench.add(Figure(name, middle[0], "ms", bare_ms, note=note))
        worst, bare_worst = (percentile([cost.ms for cost in costs], 99) for costs in (made, bare))
        bench.add(Figure(f"{name}_p99", worst, "ms", bare_worst))
        bare_cpu = percentile([cost.cpu_ms for cost in bare], 50)
        bench.add(Figure(f"{name}_cpu", middle[1], "CPU-ms", bare_cpu, note="of the router's process"))
        bench.add(Figure(f"{name}_statements", percentile(each, 50), "per offer", 2))
        if first is not None:
            note = f"beside {bench.sizes.waiting[0]:,} waiting"
            bench.add(Figure(f"{name}_growth", middle[0], "ms", first[0], f"<= {MOST_GROWTH}", note))
            bench.add(Figure(f"{name}_cpu_growth", middle[1], "CPU-ms", first[1], note=note))
        first = first or middle
        name = f"freed_to_offered_{{}}_{short(waiting)}"
        target, note = (
            f"<= {MOST_FREED_MS}",
            f"from the commit that frees to the offer seen; {len(freed)} times",
        )
        bench.add(Figure(name.format("p50"), percentile(freed, 50), "ms"))
        bench.add(Figure(name.format("p99"), percentile(freed, 99), "ms", target=target, note=note))


async def _open(bench: Bench, desks: Desks) -> None:
    """The organisation is active, and its agents are there, each with as much as they can take."""
    now = utc_now()
    async with bench.engine.begin() as tx:
        await desks.configurations.load(tx, _organisation(), "bench", "bench", now)
    async with bench.engine.begin() as tx:
        await timers.fire(tx, desks.configurations, now)  # the review that follows
        people = [
            {"agent_id": f"a{n}", "presence": "available", "since": now, "idle_since": now}
            for n in range(AGENTS)
        ]
        await insert_rows(tx, store.agents.AGENT, people)
        await insert_rows(tx, store.work_items.WORK, [_held(f"a{n}") for n in range(AGENTS)])


def _organisation() -> str:
    """The example's, with queues, skills and agents of ours, each for two queues with six skills; nobody's offer runs out."""
    parts = yaml.safe_load(EXAMPLE.read_text())
    one = {**parts["queues"]["front-desk"], "offer_timeout": "1d"}
    parts["queues"] |= {f"q{n}": {**one, "name": f"Queue {n}"} for n in range(QUEUES)}
    parts["skills"] |= {f"s{n}": f"Skill {n}" for n in range(SKILLS)}
    parts["agents"] = [
        {
            "id": f"a{n}", "name": f"Agent {n}", "capacity": 1, "queues": [f"q{n % QUEUES}", f"q{(n + 1 + n // QUEUES % 11) % QUEUES}"],
            "skills": {f"s{(n * 7 + k * 11) % SKILLS}": 3 + (n + k) % 7 for k in range(6)},
        }
        for n in range(AGENTS)
    ]  # fmt: skip
    return yaml.safe_dump(parts, sort_keys=False)


def _held(who: str) -> dict[str, Any]:
    item, now = uuid4(), utc_now()
    return {
        "work_item_id": item, "case_id": item, "case_reference": f"H-{who}", "customer_id": UUID(int=1), "channel": "email",
        "state": WorkState.ACCEPTED, "queue": "q0", "priority": 50, "skills": {}, "queued_at": now, "due_at": now,
        "agent_id": who, "decision_id": item, "changed_at": now,
    }  # fmt: skip


async def wait(bench: Bench, waiting: int, queues: Sequence[str]) -> None:
    """So many items wait in these queues; of each kind as many, a quarter of the kinds without a skill."""
    kinds = [
        {
            "n": n, "queue": queues[n % len(queues)], "priority": n * 37 % 100,
            "skills": {f"s{n * 7 % SKILLS}": 1 + n % 5} if n // QUEUES % 4 else {},
        }
        for n in range(KINDS)
    ]  # fmt: skip
    async with bench.engine.begin() as tx:
        there = await tx.scalar(text("select count(*) from work_item where state = 'queued'")) or 0
        given = {"count": waiting - there, "now": utc_now(), "kinds": as_json(kinds), "of": KINDS}
        await tx.execute(_WAIT, given)
        await tx.execute(_SEEN)
    await bench.analyse()


async def _bare(bench: Bench) -> None:
    """As many rows as wait stand in a table of their own, with one index."""
    async with bench.engine.begin() as tx:
        for statement in _BARE:
            await tx.execute(statement)
    await bench.analyse()


async def _passes(bench: Bench, desks: Desks) -> tuple[list[Cost], list[Cost]]:
    """What passes cost when one agent is free, and bare claims in between."""
    made: list[Cost] = []
    bare: list[Cost] = []
    async with bench.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        for n in range(WARM + bench.sizes.rounds):
            who = desks.next()
            await desks.free(who)
            began, used = time.perf_counter(), time.process_time()
            offered = await desks.assign()
            made.append(_since(began, used))
            if offered != 1:
                raise RuntimeError(f"a pass made {offered} offers")
            await desks.accept(who)
            began, used = time.perf_counter(), time.process_time()
            async with raw.transaction():
                await raw.execute(_TAKE, await raw.fetchval(_CLAIM, f"q{n % QUEUES}"), who)
            bare.append(_since(began, used))
    return made[WARM:], bare[WARM:]


def _since(began: float, used: float) -> Cost:
    return Cost((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000)


async def _counted(desks: Desks, statements: Sequence[str]) -> int:
    """The statements of a pass that makes an offer."""
    who = desks.next()
    await desks.free(who)
    before = len(statements)
    await desks.assign()
    made = len(statements) - before
    await desks.accept(who)
    return made


async def _freed(bench: Bench, desks: Desks) -> list[float]:
    """Milliseconds from when an agent is free until they are seen to have an offer, by the loop that the service runs."""
    taken: list[float] = []
    passes = asyncio.create_task(tasks.assign_forever(bench.engine, desks.configurations, AGAIN, utc_now))
    try:
        async with Listener(bench.engine, "change_log") as told:
            for _ in range(WARM + bench.sizes.rounds):
                who = desks.next()
                freed = await desks.free(who)
                while await desks.offer(who) is None:
                    if passes.done():
                        await passes
                    await told.wait(1.0)
                taken.append((time.perf_counter() - freed) * 1000)
                await desks.accept(who)
    finally:
        passes.cancel()
        await asyncio.gather(passes, return_exceptions=True)
    return taken[WARM:]
