"""Large backlogs of waiting work of several kinds, and the number of rows that a transaction reads."""

from typing import NamedTuple

from sqlalchemy import text

from antiphon.postgres.query import as_json
from tests.support.routing.agent_pool import AgentPool


class Kind(NamedTuple):
    """What a rule sets on work."""

    queue: str
    skills: dict[str, int]
    priority: int = 50


async def add_waiting(pool: AgentPool, kinds: list[Kind], count: int, before: int = 0) -> None:
    """Inserts `count` waiting items, of each kind in turn, queued a second apart; the last `before` seconds ago."""
    rows = [
        {"n": n, "queue": k.queue, "skills": k.skills, "priority": k.priority} for n, k in enumerate(kinds)
    ]
    columns = (
        "work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, skills, queued_at, due_at, "
        "order_at, overdue_at, decision_id, changed_at"
    )
    async with pool.engine.begin() as tx:
        await tx.execute(
            text(
                f"insert into work_item ({columns}) select i, i, 'B-' || s.n, i, 'email', 'queued', k.queue, k.priority, k.skills, "
                "at, at + interval '4 hours', at + interval '4 hours' - k.priority * interval '1 minute', "
                "at + interval '1 day', i, at "
                "from generate_series(0, :count - 1) as s(n) cross join lateral (select gen_random_uuid() as i, "
                "cast(:now as timestamptz) - (:count - s.n + :before) * interval '1 second' as at) w "
                "join jsonb_to_recordset(cast(:kinds as jsonb)) as k(n int, queue text, skills jsonb, priority int) "
                "on k.n = s.n % :kinds_count"
            ),
            {
                "count": count,
                "now": pool.now,
                "before": before,
                "kinds": as_json(rows),
                "kinds_count": len(kinds),
            },
        )
    await pool.analyse()


# Rows that the current transaction has read of all tables.
ROWS_READ = text(
    "select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::int from pg_stat_xact_user_tables"
)
