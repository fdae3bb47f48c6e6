"""The metadata of all tables of routing, and the upsert that several stores use."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.writes import insert_rows

METADATA = metadata()


PLUMBING = plumbing_tables(METADATA)


async def upsert(tx: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows by their primary key: inserts new ones, and updates existing ones with these values."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    rest = [name for name in rows[0] if name not in key]
    changed = ", ".join(f"{name} = excluded.{name}" for name in rest)
    await insert_rows(tx, table, rows, then=f"on conflict ({', '.join(key)}) do update set {changed}")


async def count_dead_letters(tx: AsyncConnection) -> int:
    """How many events of this service are dead-lettered and were not replayed."""
    dead_letter = PLUMBING.dead_letter
    counted = select(func.count()).select_from(dead_letter).where(dead_letter.c.replayed_at.is_(None))
    return await tx.scalar(counted) or 0
