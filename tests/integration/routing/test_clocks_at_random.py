"""Whatever happens to a case, in whatever order it is heard: each clock is what its ledger says, and owes no timer."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import NewDatabase
from tests.support.routing.case_history import MONDAY, CaseHistory, Promises, hours, promising, within

STEPS = [
    "spoke",
    "wrote",
    "wrote and resolved",
    "sent",
    "failed",
    "pending",
    "open",
    "resolved",
    "closed",
    "urgent",
    "calm",
]
POLICY = promising(
    next_response=within(2), resolution=within(9), warn_at=["50%", "80%"], on_warning={"priority": 60},
    on_breach={"labels": ["overdue"], "priority": 95}, targets=[{"priority": 80, "first_response": within(1)}],
)  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 200), st.booleans()), max_size=14)


def event_of(case: CaseHistory, step: str, pool: Promises) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "spoke": lambda: case.spoke(pool.now),
        "wrote": case.wrote,
        "wrote and resolved": lambda: case.wrote("resolved"),
        "sent": lambda: case.sent(pool.now),
        "failed": lambda: case.failed(MONDAY),
    }
    return made.get(step, lambda: case.set(step))()


async def test_whatever_happens_to_a_case_its_clocks_are_what_their_ledgers_say(
    new_database: NewDatabase,
) -> None:
    pool = Promises(await new_database("routing"))
    await pool.organise(POLICY)
    loop = asyncio.get_running_loop()

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def holds(found: list[tuple[str, int, bool]]) -> None:
        asyncio.run_coroutine_threadsafe(_play(pool, found), loop).result()

    await asyncio.to_thread(holds)


async def _play(pool: Promises, found: list[tuple[str, int, bool]]) -> None:
    async with pool.engine.begin() as tx:
        for table in (
            "clock_entry",
            "clock",
            "timer",
            "work_item",
            "case_record",
            "offer",
            "decision",
            "outbox",
        ):
            await tx.execute(text(f"delete from {table}"))
    case = CaseHistory(1, MONDAY)
    await pool.hear_at(MONDAY, case.opened)
    late: list[Any] = []
    for step, minutes, kept_back in found:
        at = pool.now + timedelta(minutes=minutes)
        await pool.pass_to(at)
        if step in {"urgent", "calm"}:
            work = (await pool.works())["C-1"]
            if work.state != "completed":
                await pool.reprioritise(work.work_item_id, 90 if step == "urgent" else 10)
            continue
        event = event_of(case, step, pool)
        if step == "sent" and kept_back:
            late.append(event)  # answers are on a topic of their own, and may be heard of late
        else:
            await pool.apply(event)
    await pool.apply(*late)
    await pool.pass_to(pool.now + hours(100))
    rows = await pool.clocks()
    assert rows
    for row in rows:
        kinds = [
            line.kind
            for line in await pool.rows(
                "select kind from clock_entry where clock_id = :c order by place", c=row.clock_id
            )
        ]
        assert kinds.count("breached") <= 1 + kinds.count("cleared"), kinds
        ended = row.met_at is not None or row.cancelled_at is not None
        assert ended or row.paused_since is not None or row.breached_at is not None, kinds
    assert await pool.rows("select 1 from timer where kind = 'sla-clock'") == []
    assert len(await pool.rows("select 1 from clock where target = 'first-response'")) == 1
