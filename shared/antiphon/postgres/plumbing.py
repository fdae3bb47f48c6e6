"""The tables that every service's database has beside its own.

They are progress, outbox, parked events, dead letters, changes, the organisation and idempotency keys.
"""

from typing import NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

from antiphon.postgres.personal_data import SEARCH, personal


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; read and written as text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The column type in DDL."""
        return "xid8"


ischema_names["xid8"] = XID8  # pyright: ignore[reportArgumentType] - so that reflection, and the drift test, know it


class Plumbing(NamedTuple):
    """The tables that every service has beside its own."""

    consumer_progress: Table
    outbox: Table
    dead_letter: Table
    change_log: Table
    parked_event: Table
    organisation: Table
    idempotency_key: Table


def plumbing_tables(of: MetaData) -> Plumbing:
    """Adds the tables of the plumbing to a service's metadata."""
    return Plumbing(
        Table(
            "consumer_progress",
            of,
            Column("topic", Text, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("next_offset", BigInteger, nullable=False),
            Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(none=["topic"]),
        ),
        Table(
            "outbox",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Text, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(
                by={"key": ["key", "value", "headers"]},
                none=["topic"],
            ),
        ),
        Table(
            "dead_letter",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("partition", Integer, nullable=False),
            Column("offset", BigInteger, nullable=False),
            Column("key", LargeBinary),
            Column("value", LargeBinary),
            Column("headers", JSONB, nullable=False),
            Column("event_id", Text),
            Column("reason", Text, nullable=False),
            Column("at", DateTime(timezone=True), nullable=False),
            Column("attempts", Integer, nullable=False, server_default="1"),
            Column("published_at", DateTime(timezone=True)),
            Column("replay_requested_at", DateTime(timezone=True)),
            Column("replayed_at", DateTime(timezone=True)),
            Index("dead_letter_origin_key", "topic", "partition", "offset", unique=True),
            Index("dead_letter_unpublished_ix", "id", postgresql_where=text("published_at is null")),
            Index("dead_letter_replay_ix", "id", postgresql_where=text("replay_requested_at is not null")),
            info=personal(
                by={"key": ["key", "value", "headers", "reason"]},
                none=["topic", "event_id"],
            ),
        ),
        Table(
            "change_log",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("xid", XID8, nullable=False, server_default=func.pg_current_xact_id()),
            Column("kind", Text, nullable=False),
            Column("subject", Text, nullable=False),
            Column("audience", ARRAY(Text), nullable=False),
            Column("data", JSONB, nullable=False),
            Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            Index("change_log_order_ix", "xid", "id"),
            Index("change_log_at_ix", "at"),
            info=personal(
                none=["xid", "kind"],
                staff=["subject", "audience", "data"],
            ),
        ),
        Table(
            "parked_event",
            of,
            Column("id", BigInteger, Identity(), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("headers", Text, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False),
            Column("reason", Text, nullable=False),
            Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
            info=personal(
                by={"key": ["key", "value", "headers"]},
                none=["topic", "reason"],
            ),
        ),
        Table(
            "organisation",
            of,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("version", Integer, nullable=False),
            # JSONB would not keep the order of keys: the first queue and the first topic mean something.
            Column("document", JSON, nullable=False),
            Column("published_at", DateTime(timezone=True), nullable=False),
            CheckConstraint("id = 1", name="one_row"),
            info=personal(staff=["document"]),
        ),
        idempotency_keys(of),
    )


def idempotency_keys(of: MetaData) -> Table:
    """Adds the table of idempotency keys, which each process with an API has."""
    return Table(
        "idempotency_key",
        of,
        Column("caller", Text, primary_key=True),
        Column("operation", Text, primary_key=True),
        Column("idempotency_key", Text, primary_key=True),
        Column("request_sha256", LargeBinary, nullable=False),
        Column("claimed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("status", SmallInteger),
        Column("headers", Text),
        Column("body", LargeBinary),
        Index("idempotency_key_claimed_at_ix", "claimed_at"),
        info=personal(
            by={SEARCH: ["idempotency_key", "request_sha256", "body"]},
            none=["operation", "headers"],
            staff=["caller"],
        ),
    )
