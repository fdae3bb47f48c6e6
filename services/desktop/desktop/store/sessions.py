"""Sessions: who is signed in in a browser, with the tokens that the browser never sees."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.access.tokens import roles_in
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, fetch
from desktop.store.base import METADATA

ENDED = "session_ended"
"""The channel on which the key of each session that ended is notified, in hex."""

SESSION = Table(
    "session",
    METADATA,
    Column("key", LargeBinary, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("name", Text),
    Column("roles", ARRAY(Text), nullable=False),
    Column("tokens", LargeBinary, nullable=False),
    Column("token_until", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("idle_until", DateTime(timezone=True), nullable=False),
    Index("session_until_ix", text("least(until, idle_until)")),
    info=personal(staff=["key", "subject", "name", "tokens"], none=["roles"]),
)


@dataclass(frozen=True)
class Session:
    """A row. `key` is the SHA-256 of what the cookie has, `tokens` are encrypted, `until` is the earlier one of its ends."""

    key: bytes
    who: Identity
    tokens: bytes
    token_until: datetime
    until: datetime


_COLUMNS = "key, subject, name, roles, tokens, token_until, least(until, idle_until) as until"
_FIND = text(f"select {_COLUMNS} from session where key = :key and least(until, idle_until) > :now")
_LOCK = text(
    f"select {_COLUMNS} from session where key = :key and least(until, idle_until) > :now for update"
)
_ADD = text(
    """
    insert into session (key, subject, name, roles, tokens, token_until, until, idle_until)
    values (:key, :subject, :name, :roles, :tokens, :token_until, :until, :idle_until)
    """
)
_KEEP_TOKENS = text(
    """
    update session set name = :name, roles = :roles, tokens = :tokens, token_until = :token_until where key = :key
    """
)
_USE = text(
    """
    update session set idle_until = :idle_until
    where key = any (:keys) and least(until, idle_until) > :now and idle_until < :only_before
    """
)
_ACTIVE = text(f"select {_COLUMNS} from session where key = any (:keys) and least(until, idle_until) > :now")
_END = text(
    f"""
    with ended as (delete from session where key = :key returning key)
    select pg_notify('{ENDED}', encode(key, 'hex')) from ended
    """
)
_FORGET = text("delete from session where least(until, idle_until) <= :now")


async def find(tx: AsyncConnection, key: bytes, now: datetime, *, lock: bool = False) -> Session | None:
    """The session, if it has not ended; with `lock` nobody else can change it in this transaction."""
    found = await fetch(tx, _LOCK if lock else _FIND, {"key": key, "now": now})
    return _session(found[0]) if found else None


async def add(tx: AsyncConnection, session: Session, idle_until: datetime) -> None:
    """Adds a session."""
    await fetch(
        tx,
        _ADD,
        {
            "key": session.key,
            "subject": session.who.subject,
            "name": session.who.name,
            "roles": sorted(session.who.roles),
            "tokens": session.tokens,
            "token_until": session.token_until,
            "until": session.until,
            "idle_until": idle_until,
        },
    )


async def keep_tokens(tx: AsyncConnection, session: Session) -> None:
    """Replaces the tokens of a session, and what they say of the person. It does not last longer for that."""
    who = {"name": session.who.name, "roles": sorted(session.who.roles)}
    tokens = {"tokens": session.tokens, "token_until": session.token_until}
    await fetch(tx, _KEEP_TOKENS, {"key": session.key, **who, **tokens})


async def use(
    tx: AsyncConnection, keys: Collection[bytes], now: datetime, idle_until: datetime, only_before: datetime
) -> None:
    """Notes that sessions are in use, of those that would be idle before `only_before`."""
    values = {"keys": list(keys), "now": now, "idle_until": idle_until, "only_before": only_before}
    await fetch(tx, _USE, values)


async def active(tx: AsyncConnection, keys: Collection[bytes], now: datetime) -> Sequence[Session]:
    """Those of the sessions that have not ended."""
    return [_session(row) for row in await fetch(tx, _ACTIVE, {"keys": list(keys), "now": now})]


async def end(tx: AsyncConnection, key: bytes) -> None:
    """Ends a session, and lets every process know."""
    await fetch(tx, _END, {"key": key})


async def forget(tx: AsyncConnection, now: datetime) -> None:
    """Forgets sessions that have ended."""
    await fetch(tx, _FORGET, {"now": now})


def _session(row: AnyRow) -> Session:
    who = Identity(row.subject, row.name, roles_in(row.roles))
    return Session(bytes(row.key), who, bytes(row.tokens), row.token_until, row.until)
