"""API keys: which programs may call the APIs, as what, and until when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Role
from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from desktop.store.base import METADATA

# That a key is in use is written at most this often.
NOTED_EVERY = timedelta(minutes=1)

API_KEY = Table(
    "api_key",
    METADATA,
    Column("api_key_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_by", Text),
    UniqueConstraint("digest", name="api_key_digest_key"),
    Index("api_key_list_ix", text("created_at desc"), text("api_key_id desc")),
    info=personal(none=["name", "digest", "roles"], staff=["created_by", "revoked_by"]),
)
BY_CREATION = KeysetPage(API_KEY.c.created_at, API_KEY.c.api_key_id)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. `name` is that of the program; a program may have several keys."""

    api_key_id: UUID
    name: str
    roles: frozenset[Role]
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None


_ADD = text(
    """
    insert into api_key (api_key_id, name, digest, roles, created_at, created_by, expires_at)
    values (:api_key_id, :name, :digest, :roles, :created_at, :created_by, :expires_at)
    """
)
_LOCK = text("select * from api_key where api_key_id = :api_key_id for update")
_REVOKE = text(
    "update api_key set revoked_at = :now, revoked_by = :by where api_key_id = :api_key_id returning *"
)
_USE = text(
    """
    with found as (
      select * from api_key where digest = :digest and revoked_at is null and expires_at > :now
    ), used as (
      update api_key set last_used_at = :now from found
      where api_key.api_key_id = found.api_key_id
        and (api_key.last_used_at is null or api_key.last_used_at <= :noted_before)
    )
    select * from found
    """
)


async def add(tx: AsyncConnection, key: ApiKey, digest: bytes) -> None:
    """Adds a key with the digest of its secret."""
    await fetch(tx, _ADD, {**asdict(key), "roles": sorted(key.roles), "digest": digest})


async def newest(tx: AsyncConnection, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_CREATION of all keys. Raises Problem 400 for a cursor that is none."""
    return (await tx.execute(BY_CREATION.after(select(API_KEY), cursor, limit))).all()


async def lock(tx: AsyncConnection, api_key_id: UUID) -> ApiKey | None:
    """The key, which nobody else can change in this transaction; None when there is none."""
    found = await fetch(tx, _LOCK, {"api_key_id": api_key_id})
    return of_row(found[0]) if found else None


async def revoke(tx: AsyncConnection, api_key_id: UUID, by: str, now: datetime) -> ApiKey:
    """The key after its revocation."""
    return of_row((await fetch(tx, _REVOKE, {"api_key_id": api_key_id, "by": by, "now": now}))[0])


async def use(tx: AsyncConnection, digest: bytes, now: datetime) -> ApiKey | None:
    """The key whose secret has this digest, if it can be used. Notes its use, unless that was noted in the last NOTED_EVERY."""
    found = await fetch(tx, _USE, {"digest": digest, "now": now, "noted_before": now - NOTED_EVERY})
    return of_row(found[0]) if found else None


def of_row(row: AnyRow) -> ApiKey:
    """A row as a value."""
    return ApiKey(
        row.api_key_id, row.name, frozenset(Role(role) for role in row.roles), row.created_at, row.created_by, row.expires_at,
        row.last_used_at, row.revoked_at, row.revoked_by,
    )  # fmt: skip
