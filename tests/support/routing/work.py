"""Work of a case, its timers, and what the rule said."""

from datetime import datetime
from typing import Any

from antiphon.postgres.query import AnyRow
from tests.support.routing.configured import AgentPool, Changed, Json


def rule_says(name: str, **then: Any) -> Changed:
    def change(organisation: Json) -> None:
        next(rule for rule in organisation["rules"] if rule["name"] == name)["then"].update(then)

    return change


async def work(pool: AgentPool, reference: str = "C-1") -> AnyRow:
    return (await pool.works())[reference]


async def timers(pool: AgentPool, kind: str = "step") -> list[datetime]:
    rows = await pool.rows("select due_at from timer where kind = :k order by due_at", k=kind)
    return [row.due_at for row in rows]
