"""Service clocks: what happens when one runs out."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.changes import Change
from antiphon.contracts.work import SlaBreached
from routing import store
from routing.desk import Desk, as_dict, clock_facts, facts


async def breach(tx: AsyncConnection, ids: Sequence[UUID], now: datetime) -> None:
    """Clocks that ran out: noted once, told to everybody."""
    table = store.CLOCK
    running = await tx.execute(
        select(table)
        .where(table.c.clock_id.in_(ids), table.c.met_at.is_(None), table.c.cancelled_at.is_(None))
        .where(table.c.breached_at.is_(None))
        .order_by(table.c.clock_id)
        .with_for_update()
    )
    clocks = [as_dict(row) for row in running]
    works = await store.last_work(tx, [clock["case_id"] for clock in clocks])
    desk = Desk(now)
    for clock in clocks:
        clock["breached_at"] = now
        desk.clocks.append(clock)
        work = as_dict(works[clock["case_id"]])
        desk.tell(SlaBreached(work=facts(work), clock=clock_facts(clock), breached_at=now))
        audience = [f"queue:{work['queue']}"] + ([f"agent:{work['agent_id']}"] if work["agent_id"] else [])
        desk.noted.append(
            Change("sla-breached", str(clock["clock_id"]), audience, {"case": work["case_reference"]})
        )
    await desk.write(tx)
