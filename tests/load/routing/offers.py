"""What an offer costs, and how soon an agent who is free again gets one, while few and while many work items wait."""

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
from tests.load.routing.bench import Bench, percentile, short
from tests.support.statements import counted

QUEUES, SKILLS, KINDS, AGENTS = 12, 40, 96, 200
QUEUE_IDS = [f"q{n}" for n in range(QUEUES)]
OFFER_AGAIN_AFTER = timedelta(seconds=60)
WARM_UP, COUNTED = 10, 10  # rounds that are not timed: the first ones, and those whose statements are counted
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
    "insert into case_record (case_id, revision) select case_id, 1 from work_item on conflict do nothing"
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
    """Milliseconds, and CPU milliseconds of this process."""

    ms: float
    cpu_ms: float


class Agents:
    """Agents who all have work, until one of them completes it."""

    def __init__(self, bench: Bench) -> None:
        self.engine = bench.engine
        self.configurations = Configurations()
        self._next = cycle(f"a{n}" for n in range(AGENTS))

    async def free(self, who: str) -> float:
        """The agent completes their work; returns the time just before the commit."""
        async with self.engine.connect() as connection:
            transaction = await connection.begin()
            active = await self.configurations.active(connection, utc_now())
            item: UUID = await connection.scalar(_HELD, {"agent": who})
            by = Actor(kind="agent", id=who)
            await handling.complete(connection, item, by, active, "answered", anyones=False, now=utc_now())
            freed = time.perf_counter()
            await transaction.commit()
        return freed

    async def assign(self) -> int:
        """Runs one assignment pass; returns how many offers it made."""
        async with self.engine.begin() as tx:
            return await assignment.assign(tx, self.configurations, OFFER_AGAIN_AFTER, utc_now())

    async def offer(self, who: str) -> UUID | None:
        """The open offer of the agent; None without one."""
        async with self.engine.connect() as connection:
            offer_id: UUID | None = await connection.scalar(_OFFERED, {"agent": who})
            return offer_id

    async def accept(self, who: str) -> None:
        """The agent accepts the open offer. Raises RuntimeError without one."""
        offer = await self.offer(who)
        if offer is None:
            raise RuntimeError(f"{who} has no offer")
        async with self.engine.begin() as tx:
            await offers.accept(tx, offer, who, utc_now())

    def next(self) -> str:
        """The next agent in turn."""
        return next(self._next)


async def measure_offers(bench: Bench) -> None:
    """Measures with each number of waiting items a pass while one agent is free, and the service's loop from free to offered.

    The baseline of a pass is a bare claim of a row.
    """
    agents = Agents(bench)
    await _employ(bench, agents)
    first: tuple[float, float] | None = None
    for waiting in bench.sizes.waiting:
        bench.report(f"{waiting:,} items wait")
        await wait(bench, waiting, QUEUE_IDS)
        await _fill_bare_table(bench)
        made, bare = await _passes(bench, agents)
        with counted(bench.engine) as statements:
            each = [await _statements_of_pass(agents, statements) for _ in range(COUNTED)]
        await wait(bench, waiting, QUEUE_IDS)
        freed = await _freed(bench, agents)
        middle = percentile([cost.ms for cost in made], 50), percentile([cost.cpu_ms for cost in made], 50)
        name, size = f"offer_{short(waiting)}", f"{waiting:,} wait in {KINDS} kinds, {AGENTS} agents"
        bare_ms = percentile([cost.ms for cost in bare], 50)
        note = f"a pass while one agent is free; baseline: a bare SKIP LOCKED claim; median of {len(made)}, {size}"
        bench.add(Figure(name, middle[0], "ms", bare_ms, note=note))
        worst, bare_worst = (percentile([cost.ms for cost in costs], 99) for costs in (made, bare))
        bench.add(Figure(f"{name}_p99", worst, "ms", bare_worst))
        bare_cpu = percentile([cost.cpu_ms for cost in bare], 50)
        bench.add(Figure(f"{name}_cpu", middle[1], "CPU-ms", bare_cpu, note="of the process of routing"))
        bench.add(Figure(f"{name}_statements", percentile(each, 50), "per offer", 2))
        if first is not None:
            note = f"baseline: {bench.sizes.waiting[0]:,} waiting"
            bench.add(Figure(f"{name}_growth", middle[0], "ms", first[0], f"<= {MOST_GROWTH}", note))
            bench.add(Figure(f"{name}_cpu_growth", middle[1], "CPU-ms", first[1], note=note))
        first = first or middle
        name = f"freed_to_offered_{{}}_{short(waiting)}"
        target, note = (
            f"<= {MOST_FREED_MS}",
            f"from the commit that frees the agent to the offer; {len(freed)} times",
        )
        bench.add(Figure(name.format("p50"), percentile(freed, 50), "ms"))
        bench.add(Figure(name.format("p99"), percentile(freed, 99), "ms", target=target, note=note))


async def _employ(bench: Bench, agents: Agents) -> None:
    """Makes the organisation active; its agents are available, and each has as much work as their capacity allows."""
    now = utc_now()
    async with bench.engine.begin() as tx:
        await agents.configurations.load(tx, _organisation(), "bench", "bench", now)
    async with bench.engine.begin() as tx:
        await timers.fire(tx, agents.configurations, now)  # the review after a new version
        present = [
            {"agent_id": f"a{n}", "presence": "available", "since": now, "idle_since": now}
            for n in range(AGENTS)
        ]
        await insert_rows(tx, store.agents.AGENT, present)
        await insert_rows(tx, store.work_items.WORK, [_accepted(f"a{n}") for n in range(AGENTS)])


def _organisation() -> str:
    """The example organisation with further queues and skills, and agents with two queues and six skills each. No offer expires."""
    parts = yaml.safe_load(EXAMPLE.read_text())
    queue = {**parts["queues"]["front-desk"], "offer_timeout": "1d"}
    parts["queues"] |= {f"q{n}": {**queue, "name": f"Queue {n}"} for n in range(QUEUES)}
    parts["skills"] |= {f"s{n}": f"Skill {n}" for n in range(SKILLS)}
    parts["people"] = [
        {
            "id": f"a{n}", "name": f"Agent {n}", "capacity": 1, "queues": [f"q{n % QUEUES}", f"q{(n + 1 + n // QUEUES % 11) % QUEUES}"],
            "skills": {f"s{(n * 7 + k * 11) % SKILLS}": 3 + (n + k) % 7 for k in range(6)},
        }
        for n in range(AGENTS)
    ]  # fmt: skip
    return yaml.safe_dump(parts, sort_keys=False)


def _accepted(who: str) -> dict[str, Any]:
    item, now = uuid4(), utc_now()
    return {
        "work_item_id": item, "case_id": item, "case_reference": f"H-{who}", "customer_id": UUID(int=1), "channel": "email",
        "state": WorkState.ACCEPTED, "queue": "q0", "priority": 50, "skills": {}, "queued_at": now, "due_at": now,
        "agent_id": who, "decision_id": item, "changed_at": now,
    }  # fmt: skip


async def wait(bench: Bench, waiting: int, queues: Sequence[str]) -> None:
    """Inserts items until so many wait in these queues, of all kinds equally many. A quarter of the kinds needs no skill."""
    kinds = [
        {
            "n": n, "queue": queues[n % len(queues)], "priority": n * 37 % 100,
            "skills": {f"s{n * 7 % SKILLS}": 1 + n % 5} if n // QUEUES % 4 else {},
        }
        for n in range(KINDS)
    ]  # fmt: skip
    async with bench.engine.begin() as tx:
        there = await tx.scalar(text("select count(*) from work_item where state = 'queued'")) or 0
        missing = {"count": waiting - there, "now": utc_now(), "kinds": as_json(kinds), "of": KINDS}
        await tx.execute(_WAIT, missing)
        await tx.execute(_SEEN)
    await bench.analyse()


async def _fill_bare_table(bench: Bench) -> None:
    """Fills a table with one index with a row for each waiting item."""
    async with bench.engine.begin() as tx:
        for statement in _BARE:
            await tx.execute(statement)
    await bench.analyse()


async def _passes(bench: Bench, agents: Agents) -> tuple[list[Cost], list[Cost]]:
    """The costs of passes while one agent is free, and of bare claims between them."""
    made: list[Cost] = []
    bare: list[Cost] = []
    async with bench.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        for n in range(WARM_UP + bench.sizes.rounds):
            who = agents.next()
            await agents.free(who)
            began, used = time.perf_counter(), time.process_time()
            offered = await agents.assign()
            made.append(_since(began, used))
            if offered != 1:
                raise RuntimeError(f"a pass made {offered} offers")
            await agents.accept(who)
            began, used = time.perf_counter(), time.process_time()
            async with raw.transaction():
                await raw.execute(_TAKE, await raw.fetchval(_CLAIM, f"q{n % QUEUES}"), who)
            bare.append(_since(began, used))
    return made[WARM_UP:], bare[WARM_UP:]


def _since(began: float, used: float) -> Cost:
    return Cost((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000)


async def _statements_of_pass(agents: Agents, statements: Sequence[str]) -> int:
    """The number of statements of a pass that makes an offer."""
    who = agents.next()
    await agents.free(who)
    before = len(statements)
    await agents.assign()
    made = len(statements) - before
    await agents.accept(who)
    return made


async def _freed(bench: Bench, agents: Agents) -> list[float]:
    """Milliseconds from the commit that frees an agent until the agent has an offer, made by the service's own loop."""
    taken: list[float] = []
    passes = asyncio.create_task(
        tasks.assign_forever(bench.engine, agents.configurations, OFFER_AGAIN_AFTER, utc_now)
    )
    try:
        async with Listener(bench.engine, "change_log") as changes:
            for _ in range(WARM_UP + bench.sizes.rounds):
                who = agents.next()
                freed = await agents.free(who)
                while await agents.offer(who) is None:
                    if passes.done():
                        await passes
                    await changes.wait(1.0)
                taken.append((time.perf_counter() - freed) * 1000)
                await agents.accept(who)
    finally:
        passes.cancel()
        await asyncio.gather(passes, return_exceptions=True)
    return taken[WARM_UP:]
