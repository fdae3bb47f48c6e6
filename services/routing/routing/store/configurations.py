"""Versions of the configuration."""

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, Identity, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from routing.store.base import METADATA

# A version with a rollout is active for that percentage of the cases until `rollout_ended_at`; the newest without one for the others.
CONFIGURATION = Table(
    "configuration",
    METADATA,
    Column("version", Integer, Identity(), primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False),
    Column("loaded_by", Text, nullable=False),
    Column("why", Text),
    Column("draft_id", Uuid),
    Column("trial_id", Uuid),
    Column("restores", Integer),
    Column("rollout", Integer),
    Column("rollout_ended_at", DateTime(timezone=True)),
    Index(
        "configuration_one_rollout_key",
        text("(true)"),
        unique=True,
        postgresql_where=text("rollout is not null and rollout_ended_at is null"),
    ),
    info=personal(
        none=["sha256", "why"],
        staff=["source", "loaded_by"],
    ),
)


_VERSION = text("select max(version) as version from configuration where rollout is null")


_LATEST = text(
    "select version, sha256, source from configuration where rollout is null order by version desc limit 1"
)


_LOCK_CONFIGURATION = text(f"select pg_advisory_xact_lock({0x636F6E66})")  # "conf"


async def version(tx: AsyncConnection) -> int | None:
    """Returns the active version, of all cases or of those outside a rollout; None before the first."""
    (row,) = await fetch(tx, _VERSION, {})
    newest: int | None = row.version
    return newest


async def latest_configuration(tx: AsyncConnection) -> AnyRow | None:
    """Returns version, sha256 and source of the active version, of all cases or of those outside a rollout."""
    return (await tx.execute(_LATEST)).one_or_none()


async def lock_configuration(tx: AsyncConnection) -> None:
    """Lets one transaction at a time change which version is active; the next one sees its result."""
    await tx.execute(_LOCK_CONFIGURATION)


async def active_row(tx: AsyncConnection) -> AnyRow | None:
    """The active version with all its columns; None before the first is loaded."""
    active = select(CONFIGURATION).where(CONFIGURATION.c.rollout.is_(None))
    return (await tx.execute(active.order_by(CONFIGURATION.c.version.desc()).limit(1))).one_or_none()


async def get(tx: AsyncConnection, number: int) -> AnyRow:
    """A version that exists, with all its columns."""
    return (await tx.execute(select(CONFIGURATION).where(CONFIGURATION.c.version == number))).one()


async def newest(tx: AsyncConnection, below: int | None, limit: int) -> Sequence[AnyRow]:
    """Versions, the newest first: at most `limit` of those below this number, or of all."""
    query = select(CONFIGURATION).order_by(CONFIGURATION.c.version.desc()).limit(limit)
    if below is not None:
        query = query.where(CONFIGURATION.c.version < below)
    return (await tx.execute(query)).all()
