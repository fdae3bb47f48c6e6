"""Tables and set-based queries of customer-profile."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    exists,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.base import ActorKind
from antiphon.contracts.customers import CustomerRecord, LinkedIdentifier
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow, as_json, fetch, recordset
from antiphon.postgres.writes import Writes, insert_rows, update_rows
from customer_profile.domain import Conflict, Link

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)

CUSTOMER = Table(
    "customer",
    METADATA,
    Column("customer_id", Uuid, primary_key=True),
    Column("name", Text),
    # Ordered by bytes, so that the beginning of a name is a range of the index.
    Column(
        "folded_name",
        Text(collation="C"),
        Computed("coalesce(lower(name), '')", persisted=True),
        nullable=False,
    ),
    Column("name_source", Text),
    Column("labels", ARRAY(Text), nullable=False, server_default="{}"),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("interactions", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="1"),
    Index("customer_folded_name_ix", "folded_name", "customer_id"),
    info=personal(
        by={"customer_id": ["name", "folded_name", "labels"]},
        staff=["name_source"],
    ),
)

# The owner is checked at the end of the transaction: identifiers are claimed before their customer is made.
IDENTIFIER = Table(
    "identifier",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column(
        "customer_id",
        Uuid,
        ForeignKey("customer.customer_id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    Column("stated_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Index("identifier_customer_id_ix", "customer_id"),
    info=personal(
        by={"customer_id": ["key", "value"]},
        none=["kind", "stated_by"],
        staff=["source"],
    ),
)

UNLINKED = Table(
    "unlinked_identifier",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("stated_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Column("unlinked_by", Text, nullable=False),
    Column("unlinked_at", DateTime(timezone=True), nullable=False),
    Index("unlinked_identifier_customer_id_ix", "customer_id"),
    Index("unlinked_identifier_key_ix", "key"),
    info=personal(
        by={"customer_id": ["key"]},
        none=["stated_by"],
        staff=["source", "unlinked_by"],
    ),
)

CONFLICT = Table(
    "identifier_conflict",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("other_customer_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("identifier_conflict_once_key", "key", "customer_id", "other_customer_id", unique=True),
    Index("identifier_conflict_customer_id_ix", "customer_id", "id"),
    Index("identifier_conflict_other_customer_id_ix", "other_customer_id", "id"),
    info=personal(
        by={"customer_id or other_customer_id": ["key"]},
        none=["source"],
    ),
)

SPOKEN = Table(
    "spoken",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("customer_id", Uuid, nullable=False),
    Column("speaker_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("network", Text),
    Column("account", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("subject", Text),
    Column("text", Text, nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("department", Text),
    Column("tone", Text, nullable=False),
    Column("automation", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("edited_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
    Column("case_id", Uuid),
    Column("case_reference", Text),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Index("spoken_timeline_ix", "customer_id", text("occurred_at desc"), text("interaction_id desc")),
    info=personal(
        by={"customer_id": ["speaker_key", "subject", "text", "topics", "department", "tone", "earlier"]},
        none=["channel", "network", "account", "visibility", "automation", "case_reference"],
    ),
)

_KEYS = bindparam("keys", type_=ARRAY(TEXT))
_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))

# Who removed a link that no person removed: a revision of these tables. It keeps nobody from making it again.
SYSTEM = ActorKind.SYSTEM.value
# `in (select unnest())`, not `= any()`: a plan that was kept since the table was small reads all of it for as long as the statistics
# are old, and then compares each row with each key.
_OWNERS = text("select key, customer_id from identifier where key in (select unnest(:keys))").bindparams(
    _KEYS
)
_KNOWN = text(
    f"""
    select 'seen' as what, null as key, interaction_id, customer_id, account from spoken
    where interaction_id in (select unnest(:ids))
    union all select 'owner', key, null, customer_id, null from identifier
    where key in (select unnest(:keys))
    union all select 'removed', key, null, customer_id, null from unlinked_identifier
    where key in (select unnest(:keys)) and unlinked_by <> '{SYSTEM}'
    """
).bindparams(_IDS, _KEYS)
_RELEASE = text("delete from identifier where key in (select unnest(:keys))").bindparams(_KEYS)
_LOCK = text(
    "select customer_id from customer where customer_id in (select unnest(:ids)) order by customer_id for update"
).bindparams(_IDS)
_LINKED = """(
        select json_agg(json_build_object('kind', kind, 'value', value, 'stated_by', stated_by, 'source', source,
                                          'linked_at', linked_at) order by linked_at, key)
        from identifier i where i.customer_id = {customer}.customer_id
    ) as identifiers"""
_COLUMNS = "customer_id, name, labels, since, interactions, revision"
_RECORDS = text(
    f"select {_COLUMNS}, {_LINKED.format(customer='c')} from customer c where customer_id = any(:ids)"
).bindparams(_IDS)


class Known(NamedTuple):
    """What is there of what a batch names: interactions on timelines, whose identifiers are, from whom one was removed."""

    seen: dict[UUID, AnyRow]
    owners: dict[str, UUID]
    removed: dict[str, set[UUID]]


async def owners(tx: AsyncConnection, keys: Sequence[str]) -> dict[str, UUID]:
    """Whose each identifier is; unknown ones are absent."""
    rows = await fetch(tx, _OWNERS, {"keys": list(keys)})
    return {row.key: row.customer_id for row in rows}


async def known(tx: AsyncConnection, ids: Sequence[UUID], keys: Sequence[str]) -> Known:
    """What is there of these interactions (interaction_id, customer_id, account) and of these identifiers."""
    found = Known({}, {}, {})
    for row in await fetch(tx, _KNOWN, {"ids": list(ids), "keys": list(keys)}):
        match row.what:
            case "seen":
                found.seen[row.interaction_id] = row
            case "owner":
                found.owners[row.key] = row.customer_id
            case _:
                found.removed.setdefault(row.key, set()).add(row.customer_id)
    return found


async def claim_identifiers(tx: AsyncConnection, links: Sequence[Link], now: datetime) -> set[str]:
    """Links identifiers that nobody has, and returns the keys of those. In one order for all transactions: no deadlock.

    Who comes second waits for the first to commit and then finds the identifier taken: the caller reads its owner, which
    READ COMMITTED shows to the next statement.
    """
    rows = [
        {
            "key": link.key,
            "kind": link.identifier.kind,
            "value": link.identifier.value,
            "customer_id": link.customer_id,
            "stated_by": link.stated_by,
            "source": link.source,
            "linked_at": now,
        }
        for link in sorted(links)
    ]
    won = await insert_rows(
        tx, IDENTIFIER, rows, then="order by r.key on conflict do nothing returning identifier.key"
    )
    return {row.key for row in won}


async def settle_identifiers(tx: AsyncConnection, links: Sequence[Link], released: Collection[str]) -> None:
    """Gives identifiers that this transaction claimed to other customers, before anybody has seen them.

    Those whose keys are `released` become nobody's again.
    """
    rows = [
        {"key": link.key, "customer_id": link.customer_id, "stated_by": link.stated_by, "source": link.source}
        for link in links
    ]
    await update_rows(tx, IDENTIFIER, rows)
    if released:
        await fetch(tx, _RELEASE, {"keys": sorted(released)})


async def lock_customers(tx: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Locks customers in id order: events about them are then written in commit order."""
    await tx.execute(_LOCK, {"ids": sorted(ids)})


Records = dict[UUID, tuple[CustomerRecord, int]]


async def count_spoken(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> tuple[Records, set[UUID]]:
    """Adds to each customer's count (customer_id, since, interactions, name, name_source); makes those who are not there.

    Gives a name to who has none. Returns the customers as they are then, and who got a name. They are locked in the
    order of `rows`, which is to be that of their ids: events about them are then written in commit order, and two
    batches never wait for each other.
    """
    counted = await insert_rows(
        tx, CUSTOMER, rows,
        then="on conflict (customer_id) do update set interactions = customer.interactions + excluded.interactions, "
        "revision = customer.revision + 1, name = coalesce(customer.name, excluded.name), name_source = case "
        "when customer.name is null and excluded.name is not null then excluded.name_source "
        f"else customer.name_source end returning {_COLUMNS}, name_source, {_LINKED.format(customer='customer')}",
    )  # fmt: skip
    given = {row["customer_id"]: row["name_source"] for row in rows}
    named = {
        row.customer_id for row in counted if row.name_source and row.name_source == given[row.customer_id]
    }
    return {row.customer_id: _record(row) for row in counted}, named


async def records(tx: AsyncConnection, ids: Sequence[UUID]) -> Records:
    """Customers with their identifiers, and how often each has spoken."""
    if not ids:
        return {}
    return {row.customer_id: _record(row) for row in await fetch(tx, _RECORDS, {"ids": list(ids)})}


def _record(row: AnyRow) -> tuple[CustomerRecord, int]:
    record = CustomerRecord(
        customer_id=row.customer_id,
        name=row.name,
        labels=row.labels,
        identifiers=[LinkedIdentifier.model_validate(identifier) for identifier in row.identifiers or []],
        since=row.since,
        revision=row.revision,
    )
    return record, row.interactions


def add_spoken(writes: Writes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds interactions to timelines."""
    writes.insert(SPOKEN, rows, then="on conflict do nothing")


async def edit_spoken(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Gives interactions their new words (interaction_id, subject, text, topics, department, tone, edited_at, earlier).

    What was said before is kept in `earlier`, followed by what is given as `earlier`: the words between two edits of one
    batch.
    """
    if not rows:
        return
    given = recordset([SPOKEN.c[name] for name in rows[0]])
    await tx.execute(
        text(
            "update spoken s set earlier = s.earlier || jsonb_build_array(jsonb_build_object("
            "'subject', s.subject, 'text', s.text, 'until', r.edited_at)) || r.earlier, subject = r.subject, text = r.text, "
            "topics = r.topics, department = r.department, tone = r.tone, edited_at = r.edited_at "
            f"from {given} r where s.interaction_id = r.interaction_id "
            "and (s.edited_at is null or s.edited_at < r.edited_at)"
        ),
        {"rows": as_json(rows)},
    )


async def delete_spoken(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Marks interactions as taken back (interaction_id, deleted_at)."""
    if not rows:
        return
    given = recordset([SPOKEN.c.interaction_id, SPOKEN.c.deleted_at])
    await tx.execute(
        text(
            f"update spoken s set deleted_at = r.deleted_at from {given} r "
            "where s.interaction_id = r.interaction_id and s.deleted_at is null"
        ),
        {"rows": as_json(rows)},
    )


async def note_cases(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps which case an interaction is on (interaction_id, case_id, case_reference)."""
    await update_rows(tx, SPOKEN, rows)


async def add_conflicts(tx: AsyncConnection, conflicts: Sequence[Conflict], now: datetime) -> None:
    """Keeps for a person that an identifier was stated by one customer and is another's; each once."""
    rows = [
        {
            "key": conflict.identifier.key,
            "customer_id": conflict.customer_id,
            "other_customer_id": conflict.other_customer_id,
            "source": conflict.source,
            "at": now,
        }
        for conflict in conflicts
    ]
    await insert_rows(tx, CONFLICT, rows, then="on conflict do nothing")


async def conflicts(
    connection: AsyncConnection, limit: int, *, of: UUID | None = None, after: int = 0, newest: bool = False
) -> Sequence[AnyRow]:
    """Conflicts with the names of both customers, in the order of their ids; `newest` first, or from `after` on.

    `of` is a customer who is one of the two sides.
    """
    order = "desc" if newest else "asc"
    sides = ["c.customer_id = :of", "c.other_customer_id = :of"] if of else ["true"]
    # One read a side, each in the order of its index: with `or`, all conflicts of a customer would be read and sorted.
    found = " union all ".join(
        f"(select * from identifier_conflict c where c.id > :after and {side} order by c.id {order} limit :n)"
        for side in sides
    )
    statement = text(
        "select f.id, f.key as identifier, f.customer_id, a.name as customer_name, f.other_customer_id, "
        f"b.name as other_customer_name, f.source, f.at from ({found}) f join customer a using (customer_id) "
        f"join customer b on b.customer_id = f.other_customer_id order by f.id {order} limit :n"
    ).bindparams(bindparam("after", type_=BigInteger), bindparam("n", type_=Integer))
    given = {"after": after, "n": limit} | ({"of": of} if of else {})
    return (await connection.execute(statement, given)).all()


async def is_removed(tx: AsyncConnection, key: str, customer_id: UUID) -> bool:
    """Whether a supervisor took this identifier from this customer at some time."""
    c = UNLINKED.c
    by_person = c.unlinked_by != SYSTEM
    return bool(
        await tx.scalar(select(exists().where(c.key == key, c.customer_id == customer_id, by_person)))
    )
