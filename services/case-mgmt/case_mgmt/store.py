"""Tables and set-based queries of case-mgmt."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.identified import CustomerFacts, Reading
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.database import AnyRow, Writes, as_json, fetch, mapping, metadata, plumbing_tables, recordset
from antiphon.personal import personal
from case_mgmt.domain.acknowledging import Acknowledged
from case_mgmt.domain.case import Case
from case_mgmt.domain.unanswered import MOST

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)

CASE = Table(
    "case_file",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("subject", Text),
    Column("department", Text),
    Column("customer_id", Uuid, nullable=False),
    Column("customer", JSONB, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("interactions", Integer, nullable=False),
    Column("replies", Integer, nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("awaiting_answer_since", DateTime(timezone=True)),
    Column("related_case_id", Uuid),
    Column("revision", Integer, nullable=False),
    Column("words_revision", Integer, nullable=False),
    Column("asked_revision", Integer, nullable=False, server_default="0"),
    Column("assignee", Text),
    Column("assignee_name", Text),
    Column("queue", Text),
    Column("work_state", Text),
    Column("due_at", DateTime(timezone=True)),
    Column("breached", ARRAY(Text), nullable=False),
    Index("case_file_customer_id_ix", "customer_id", "status"),
    Index("case_file_newest_ix", text("changed_at desc"), text("case_id desc")),
    Index("case_file_status_ix", "status", text("changed_at desc"), text("case_id desc")),
    Index(
        "case_file_assignee_ix",
        "assignee",
        text("changed_at desc"),
        postgresql_where=text("assignee is not null"),
    ),
    Index("case_file_queue_ix", "queue", text("changed_at desc"), postgresql_where=text("queue is not null")),
    info=personal(
        by={"customer_id": ["subject", "department", "customer"]},
        none=["status", "queue", "work_state", "breached"],
        staff=["assignee", "assignee_name"],
    ),
)

REFERENCE = Table(
    "channel_reference",
    METADATA,
    Column("reference", Text, primary_key=True),
    Column("case_id", Uuid, primary_key=True),
    info=personal(by={"case_id -> case_file.customer_id": ["reference"]}),
)

INTERACTION = Table(
    "case_interaction",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("interaction", JSONB, nullable=False),
    Column("reading", JSONB, nullable=False),
    Column("threaded_by", Text, nullable=False),
    Column("conflicts", JSONB, nullable=False, server_default="[]"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Column("deleted_at", DateTime(timezone=True)),
    Index("case_interaction_accepted_ix", "case_id", "accepted_at"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["interaction", "reading", "conflicts", "earlier"]},
        none=["threaded_by"],
    ),
)

# The record: nothing in it is ever changed. The natural key absorbs an event that comes again.
ENTRY = Table(
    "case_entry",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("natural_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("actor", JSONB, nullable=False),
    Column("data", JSONB, nullable=False),
    Index("case_entry_case_id_ix", "case_id", "id"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["natural_key", "actor", "data"]},
        none=["kind"],
    ),
)

REPLY = Table(
    "reply",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("answers", Uuid, nullable=False),
    Column("author_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),
    Column("requested", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("awaited_since", DateTime(timezone=True)),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("native_ids", ARRAY(Text), nullable=False, server_default="{}"),
    Column("reason", Text),
    Index("reply_case_id_ix", "case_id", "requested_at"),
    Index("reply_author_id_idempotency_key_key", "author_id", "idempotency_key", unique=True),
    Index("reply_state_ix", "state"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["body_sha256", "requested", "native_ids", "reason"]},
        none=["idempotency_key", "state"],
        staff=["author_id"],
    ),
)

# Which of the replies are set words, said while a queue was closed until `opens_at`.
ACKNOWLEDGEMENT = Table(
    "acknowledgement",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("opens_at", DateTime(timezone=True)),
    Column("recipient", Text),
    Index("acknowledgement_case_id_ix", "case_id"),
    Index("acknowledgement_customer_id_ix", "customer_id", "at"),
    Index("acknowledgement_recipient_ix", "recipient", "at", postgresql_where=text("recipient is not null")),
    info=personal(by={"customer_id": ["recipient"]}),
)

_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_KEYS = bindparam("keys", type_=ARRAY(TEXT))
_FIELDS = [field.name for field in fields(Case)]
# As text: its model reads that faster than it reads what the driver makes of jsonb.
_READ = ["cast(customer as text) as customer" if name == "customer" else name for name in _FIELDS]
_CHANGING = [name for name in _FIELDS if name not in {"case_id", "number", "opened_at", "customer_id"}]

# In the order of their ids, so that two batches never wait for each other.
_HOLD = text(
    "select count(pg_advisory_xact_lock(hashtextextended('customer:' || c.id, 0))) "
    "from (select id from unnest(:ids) as u (id) order by id) c"
).bindparams(_IDS)
_HOLD_RECIPIENTS = text(
    "select count(pg_advisory_xact_lock(hashtextextended('acknowledged:' || r.key, 0))) "
    "from (select key from unnest(:keys) as u (key) order by key) r"
).bindparams(_KEYS)
# `in (select unnest())`, not `= any()`: a plan that was kept since the table was small reads all of it for as long as the statistics
# are old, and then compares each row with each key.
_LOOK = text(
    """
    select 'entry' as what, natural_key as name, cast(null as uuid) as case_id, cast(null as bigint) as number
    from case_entry where natural_key in (select unnest(:keys))
    union all select 'reference', reference, case_id, null from channel_reference
    where reference in (select unnest(:references))
    union all select 'number', null, null, nextval('case_number') from generate_series(1, :n)
    """
).bindparams(_KEYS, bindparam("references", type_=ARRAY(TEXT)), bindparam("n", type_=Integer))
_PLACES = text(
    "select interaction_id, case_id, interaction, reading, cast(earlier -> -1 ->> 'until' as timestamptz) as edited_at "
    "from case_interaction where interaction_id in (select unnest(:ids))"
).bindparams(_IDS)
_LOAD = text(
    f"select {', '.join(_READ)} from case_file where case_id = any(:ids) or number = any(:numbers) "
    "or (customer_id = any(:customers) and status in ('new', 'open', 'pending')) order by case_id for update"
).bindparams(
    _IDS,
    bindparam("numbers", type_=ARRAY(BIGINT)),
    bindparam("customers", type_=ARRAY(PG_UUID(as_uuid=True))),
)  # fmt: skip
_REPLIES = text("select * from reply where reply_id = any(:ids)").bindparams(_IDS)
SPOKEN_LAST = text(
    "select distinct on (case_id) case_id, interaction from case_interaction where case_id = any(:ids) "
    f"and deleted_at is null and interaction ->> 'automation' = '{Automation.NONE.value}' "
    "order by case_id, accepted_at desc"
).bindparams(_IDS)
UNANSWERED = text(
    f"""
    select w.case_id, i.interaction, i.reading from unnest(:ids, :since) as w(case_id, since)
    cross join lateral (
        select interaction, reading, accepted_at from case_interaction
        where case_id = w.case_id and accepted_at >= w.since and deleted_at is null
            and interaction ->> 'automation' = '{Automation.NONE.value}'
        order by accepted_at desc limit {MOST}
    ) i order by w.case_id, i.accepted_at
    """
).bindparams(_IDS, bindparam("since", type_=ARRAY(DateTime(timezone=True))))
ACKNOWLEDGED = text(
    "select case_id, customer_id, at, opens_at, recipient from acknowledgement where case_id = any(:ids) "
    "union select case_id, customer_id, at, opens_at, recipient from acknowledgement "
    "where customer_id = any(:customers) and at > :since "
    "union select case_id, customer_id, at, opens_at, recipient from acknowledgement "
    "where recipient = any(:recipients) and at > :since"
).bindparams(
    _IDS,
    bindparam("recipients", type_=ARRAY(TEXT)),
    bindparam("customers", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("since", type_=DateTime(timezone=True)),
)


async def hold_customers(tx: AsyncConnection, customers: Sequence[UUID]) -> None:
    """Waits until nobody else threads what these customers say, and keeps it so until the transaction ends.

    A case that is not there yet has no row to lock: without this, two replicas could each open one.
    """
    if customers:
        await fetch(tx, _HOLD, {"ids": list(customers)})


async def hold_recipients(tx: AsyncConnection, keys: Sequence[str]) -> None:
    """Waits until nobody else counts what was said to these addresses, and keeps it so until the transaction ends.

    It is the last lock that a batch takes: who holds it waits for nobody.
    """
    if keys:
        await fetch(tx, _HOLD_RECIPIENTS, {"keys": list(keys)})


class Found(NamedTuple):
    """What the record knows of a batch: entries that are there, cases that know a reference, and new case numbers."""

    recorded: set[str]
    by_reference: dict[str, list[UUID]]
    numbers: list[int]


async def look(tx: AsyncConnection, keys: Sequence[str], references: Sequence[str], numbers: int) -> Found:
    """Which entries are on the record, which cases know the references, and `numbers` new case numbers.

    A number that is not used, or whose transaction fails, leaves a gap.
    """
    found = Found(set(), {}, [])
    given = {"keys": list(keys), "references": list(references), "n": numbers}
    for row in await fetch(tx, _LOOK, given):
        match row.what:
            case "entry":
                found.recorded.add(row.name)
            case "reference":
                found.by_reference.setdefault(row.name, []).append(row.case_id)
            case _:
                found.numbers.append(row.number)
    return found


async def places(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """Where interactions are: interaction_id, case_id, interaction, reading, and when they were edited last."""
    if not ids:
        return {}
    return {row.interaction_id: row for row in await fetch(tx, _PLACES, {"ids": list(ids)})}


async def load(
    tx: AsyncConnection, ids: Sequence[UUID], numbers: Sequence[int] = (), customers: Sequence[UUID] = ()
) -> dict[UUID, Case]:
    """Cases by id, by number, and the unsettled ones of customers, locked in id order."""
    given = {"ids": list(ids), "numbers": list(numbers), "customers": list(customers)}
    return {row.case_id: case_of(mapping(row)) for row in await fetch(tx, _LOAD, given)}


def case_of(row: Mapping[Any, Any]) -> Case:
    """A row of the table of cases as a value; its customer as text or as the driver reads it."""
    fields_of: dict[str, Any] = dict(row)
    read = (
        CustomerFacts.model_validate_json
        if isinstance(row["customer"], str)
        else CustomerFacts.model_validate
    )
    fields_of["customer"] = read(row["customer"])
    return Case(**fields_of)


def add_cases(writes: Writes, cases: Sequence[Case]) -> None:
    """Adds new cases."""
    writes.insert(CASE, [_columns(case, _FIELDS) for case in cases])


def change_cases(writes: Writes, cases: Sequence[Case]) -> None:
    """Writes cases that `load` has locked."""
    writes.update(CASE, [_columns(case, ["case_id", *_CHANGING]) for case in cases])


def _columns(case: Case, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(case, name) for name in names}


def add_interactions(writes: Writes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Puts interactions on their cases."""
    writes.insert(INTERACTION, rows, then="on conflict do nothing")


def add_references(writes: Writes, pairs: Sequence[tuple[str, UUID]]) -> None:
    """Remembers which case a channel's id belongs to."""
    rows = [{"reference": reference, "case_id": case_id} for reference, case_id in sorted(set(pairs))]
    writes.insert(REFERENCE, rows, then="on conflict do nothing")


def add_entries(writes: Writes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds to the record."""
    writes.insert(ENTRY, rows, then="on conflict do nothing")


async def edit_interactions(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New words of interactions (interaction_id, interaction, reading); the former (earlier) are added to those kept."""
    if rows:
        given = recordset([INTERACTION.c[n] for n in ("interaction_id", "interaction", "reading", "earlier")])
        await tx.execute(
            text(
                "update case_interaction i set earlier = i.earlier || r.earlier, interaction = r.interaction, "
                "reading = r.reading "
                f"from {given} r where i.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(rows)},
        )


async def delete_interactions(tx: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Marks interactions as taken back (interaction_id, deleted_at)."""
    if rows:
        given = recordset([INTERACTION.c.interaction_id, INTERACTION.c.deleted_at])
        await tx.execute(
            text(
                f"update case_interaction i set deleted_at = r.deleted_at from {given} r "
                "where i.interaction_id = r.interaction_id and i.deleted_at is null"
            ),
            {"rows": as_json(rows)},
        )


async def replies(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """Replies by id."""
    if not ids:
        return {}
    return {row.reply_id: row for row in await fetch(tx, _REPLIES, {"ids": list(ids)})}


def finish_replies(writes: Writes, rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of replies (reply_id, state, finished_at, native_ids, reason)."""
    writes.update(REPLY, rows)


async def spoken_last(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, Interaction]:
    """The newest that a person said on each of the cases and did not take back."""
    if not case_ids:
        return {}
    found = await fetch(tx, SPOKEN_LAST, {"ids": list(case_ids)})
    return {row.case_id: Interaction.model_validate(row.interaction) for row in found}


async def unanswered(
    tx: AsyncConnection, since: Mapping[UUID, datetime]
) -> dict[UUID, list[tuple[Interaction, Reading]]]:
    """What the customer said on each of the cases from a time on and did not take back, oldest first: the newest 50."""
    found: dict[UUID, list[tuple[Interaction, Reading]]] = {case_id: [] for case_id in since}
    if since:
        for row in await fetch(tx, UNANSWERED, {"ids": list(since), "since": list(since.values())}):
            said = Interaction.model_validate(row.interaction), Reading.model_validate(row.reading)
            found[row.case_id].append(said)
    return found


async def acknowledged(
    tx: AsyncConnection,
    case_ids: Sequence[UUID],
    customers: Sequence[UUID],
    recipients: Sequence[str],
    since: datetime,
) -> list[Acknowledged]:
    """Set words that were said on these cases ever, and to these customers and addresses (keys) after `since`."""
    if not case_ids:
        return []
    given = {
        "ids": list(case_ids),
        "customers": list(customers),
        "recipients": list(recipients),
        "since": since,
    }
    return [Acknowledged(*row) for row in await fetch(tx, ACKNOWLEDGED, given)]


def add_acknowledgements(
    writes: Writes, replies: Sequence[Mapping[str, Any]], acknowledgements: Sequence[Mapping[str, Any]]
) -> None:
    """Adds replies that are set words, and what tells them from answers."""
    writes.insert(REPLY, replies)
    writes.insert(ACKNOWLEDGEMENT, acknowledgements)
