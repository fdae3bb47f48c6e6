"""After any events of a case in any order, each clock equals its ledger and no timer of a clock is left."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import NewDatabase
from tests.support.routing.case_history import MONDAY, CaseHistory, TimedPool, hours, sla_policies, within

STEPS = [
    "interaction added",
    "reply requested",
    "reply requested and resolved",
    "reply sent",
    "reply failed",
    "pending",
    "open",
    "resolved",
    "closed",
    "raise priority",
    "lower priority",
]
POLICY = sla_policies(
    next_response=within(2), resolution=within(9), warn_at=["50%", "80%"], on_warning={"priority": 60},
    on_breach={"labels": ["overdue"], "priority": 95}, targets=[{"priority": 80, "first_response": within(1)}],
)  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 200), st.booleans()), max_size=14)


def event_of(case: CaseHistory, step: str, pool: TimedPool) -> Any:
    events: dict[str, Callable[[], Any]] = {
        "interaction added": lambda: case.interaction_added(pool.now),
        "reply requested": case.reply_requested,
        "reply requested and resolved": lambda: case.reply_requested("resolved"),
        "reply sent": lambda: case.reply_sent(pool.now),
        "reply failed": lambda: case.reply_failed(MONDAY),
    }
    return events.get(step, lambda: case.status_changed(step))()


async def test_after_any_case_history_each_clock_equals_its_ledger(
    new_database: NewDatabase,
) -> None:
    pool = TimedPool(await new_database("routing"))
    await pool.organise(POLICY)
    loop = asyncio.get_running_loop()

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def holds(played: list[tuple[str, int, bool]]) -> None:
        asyncio.run_coroutine_threadsafe(_play(pool, played), loop).result()

    await asyncio.to_thread(holds)


async def _play(pool: TimedPool, played: list[tuple[str, int, bool]]) -> None:
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
    await pool.apply_at(MONDAY, case.opened)
    late: list[Any] = []
    for step, minutes, is_late in played:
        at = pool.now + timedelta(minutes=minutes)
        await pool.advance_to(at)
        if step in {"raise priority", "lower priority"}:
            work = (await pool.works())["C-1"]
            if work.state != "completed":
                await pool.reprioritise(work.work_item_id, 90 if step == "raise priority" else 10)
            continue
        event = event_of(case, step, pool)
        if step == "reply sent" and is_late:
            late.append(event)  # answers are on a topic of their own, and may arrive late
        else:
            await pool.apply(event)
    await pool.apply(*late)
    await pool.advance_to(pool.now + hours(100))
    rows = await pool.clocks()
    assert rows
    for row in rows:
        kinds = [
            entry.kind
            for entry in await pool.rows(
                "select kind from clock_entry where clock_id = :c order by place", c=row.clock_id
            )
        ]
        assert kinds.count("breached") <= 1 + kinds.count("cleared"), kinds
        ended = row.met_at is not None or row.cancelled_at is not None
        assert ended or row.paused_since is not None or row.breached_at is not None, kinds
    assert await pool.rows("select 1 from timer where kind = 'sla-clock'") == []
    assert len(await pool.rows("select 1 from clock where target = 'first-response'")) == 1
