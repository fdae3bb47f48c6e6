"""Shadows: a draft decides beside the active version, on the same facts, and never acts. A report shows where they differ.

One runs at a time, for a week at most: it costs as much as deciding once more. Each decision records what the shadow
decided, so later changes of the draft do not change the report.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.changes import Change, record
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.postgres.query import AnyRow, mapping
from routing import store

LONGEST_HOURS = 168
_END_EXPIRED = text("update shadow set ended_at = ends_at where ended_at is null and ends_at <= :now")
REPORT = text(
    """
    with decided as materialized (
        select rule, outcome, shadow, before from decision where shadow is not null and shadow ->> 'shadow_id' = :shadow
    )
    select
        (select count(*) from decided) as decisions,
        (select count(*) from decided where shadow -> 'differs' <> '[]') as changed,
        (select jsonb_build_object('decisions', count(*), 'changed', count(*) filter (where shadow -> 'differs' <> '[]'))
            from decided where before is not null) as later_words,
        (select count(*) from decided where shadow -> 'differs' = '[]' and shadow ->> 'rule' <> rule) as same_by_another_rule,
        (select coalesce(jsonb_agg(jsonb_build_object('from_queue', b, 'to_queue', a, 'items', n) order by n desc, b, a), '[]')
            from (
                select outcome ->> 'queue' as b, shadow #>> '{outcome,queue}' as a, count(*) as n from decided
                where shadow -> 'differs' ? 'queue' group by 1, 2
            ) q) as from_to,
        (select coalesce(jsonb_object_agg(field, n), '{}') from (
            select d.field, count(*) as n from decided, jsonb_array_elements_text(shadow -> 'differs') as d(field) group by 1
        ) c) as changes,
        (select coalesce(jsonb_agg(jsonb_build_object('rule', r, 'before', b, 'after', a) order by r), '[]') from (
            select r, sum(b) as b, sum(a) as a from (
                select rule as r, count(*) as b, 0 as a from decided group by 1
                union all select shadow ->> 'rule', 0, count(*) from decided group by 1
            ) h group by r
        ) rules) as rules,
        (select coalesce(jsonb_agg(jsonb_build_object('rule', r, 'items', n) order by n desc, r), '[]') from (
            select e.key as r, count(*) as n from decided, jsonb_each(shadow -> 'errors') as e group by 1
        ) x) as erred
    """
)


async def begin(tx: AsyncConnection, draft: AnyRow, hours: int, why: str, by: str, now: datetime) -> AnyRow:
    """Runs the present source of a draft as a shadow, for `hours`. Raises Problem 409 while another runs."""
    await store.configurations.lock_configuration(tx)
    await tx.execute(_END_EXPIRED, {"now": now})
    table = store.shadows.SHADOW
    running = (await tx.execute(select(table).where(table.c.ended_at.is_(None)))).one_or_none()
    if running is not None:
        detail = f"Another shadow runs until {running.ends_at:%Y-%m-%d %H:%M} UTC: end it first."
        raise Problem(Kind.SHADOW_RUNNING, detail, shadow_id=running.shadow_id)
    row: dict[str, object] = {
        "shadow_id": uuid4(),
        "draft_id": draft.draft_id,
        "draft_revision": draft.revision,
        "source": draft.source,
        "why": why,
        "began_at": now,
        "began_by": by,
        "ends_at": now + timedelta(hours=hours),
    }
    made = (await tx.execute(insert(table).values(row).returning(table))).one()
    await _note(tx, made)
    return made


async def get(tx: AsyncConnection, shadow_id: UUID) -> AnyRow:
    """A shadow. Raises Problem 404."""
    table = store.shadows.SHADOW
    row = (await tx.execute(select(table).where(table.c.shadow_id == shadow_id))).one_or_none()
    if row is None:
        raise not_found("shadow")
    return row


async def end(tx: AsyncConnection, shadow_id: UUID, by: str, now: datetime) -> AnyRow:
    """Ends a shadow early; what it decided stays recorded. Raises Problem: 404, 409 when it has ended already."""
    table = store.shadows.SHADOW
    await tx.execute(_END_EXPIRED, {"now": now})
    ended = await tx.execute(
        update(table)
        .where(table.c.shadow_id == shadow_id, table.c.ended_at.is_(None))
        .values(ended_at=now, ended_by=by)
        .returning(table)
    )
    row = ended.one_or_none()
    if row is None:
        raise Problem(
            Kind.SHADOW_ENDED, f"It ended at {(await get(tx, shadow_id)).ended_at:%Y-%m-%d %H:%M} UTC."
        )
    await _note(tx, row)
    return row


async def report(tx: AsyncConnection, shadow_id: UUID) -> dict[str, object]:
    """Where the shadow decided otherwise than the active version, in the form of a trial's result."""
    row = (await tx.execute(REPORT, {"shadow": str(shadow_id)})).one()
    return {**mapping(row), "elsewhere": sum(move["items"] for move in row.from_to)}


async def _note(tx: AsyncConnection, row: AnyRow) -> None:
    detail = {"draft_id": str(row.draft_id), "ended": row.ended_at is not None}
    await record(tx, [Change("shadow", str(row.shadow_id), ["operations"], detail)])
