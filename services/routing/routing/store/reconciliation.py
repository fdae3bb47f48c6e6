"""The reconciliation: its progress, and its findings."""

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, Index, Integer, SmallInteger, Table, Text, Uuid, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

RECONCILIATION = Table(
    "reconciliation",
    METADATA,
    Column("id", SmallInteger, primary_key=True),
    Column("after", Uuid, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("checked", Integer, nullable=False),
    Column("last_began_at", DateTime(timezone=True)),
    Column("last_ended_at", DateTime(timezone=True)),
    Column("last_checked", Integer),
)


FINDING = Table(
    "finding",
    METADATA,
    Column("finding_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("work_item_id", Uuid),
    Column("detail", Text, nullable=False),
    Column("repair", Text),  # how it was repaired; null: it could not be
    Column("at", DateTime(timezone=True), nullable=False),
    Index("finding_at_ix", text("at desc"), text("finding_id desc")),
    info=personal(
        none=["kind", "repair"],
        staff=["detail"],
    ),
)


BY_TIME = KeysetPage(FINDING.c.at, FINDING.c.finding_id)


async def newest_findings(tx: AsyncConnection, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_TIME of all findings. Raises Problem 400 for a cursor that is none."""
    return (await tx.execute(BY_TIME.after(select(FINDING), cursor, limit))).all()


async def findings_by_kind(tx: AsyncConnection) -> Sequence[AnyRow]:
    """How many findings of each `kind` there ever were (`findings`), and how many were `repaired`."""
    counted = select(
        FINDING.c.kind, func.count().label("findings"), func.count(FINDING.c.repair).label("repaired")
    )
    return (await tx.execute(counted.group_by(FINDING.c.kind))).all()
