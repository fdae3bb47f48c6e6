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
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.identified import CustomerFacts, Reading
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.changes import Change
from antiphon.postgres.engine import metadata
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import plumbing_tables
from antiphon.postgres.query import AnyRow, as_json, fetch, mapping, recordset
from antiphon.postgres.writes import Writes, insert_rows
from case_mgmt.domain.acknowledging import Acknowledged
from case_mgmt.domain.case import Case
from case_mgmt.domain.record import Awaited, Edited, Entry, Finished, Placed, Reply, TakenBack, Version
from case_mgmt.domain.unanswered import MOST, MOST_BYTES
from case_mgmt.domain.work import Place, Work

_Kept = Entry | Placed | Edited | TakenBack | Reply | Finished

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
    Index("case_file_customer_id_ix", "customer_id", "status"),
    Index("case_file_newest_ix", text("changed_at desc"), text("case_id desc")),
    Index("case_file_status_ix", "status", text("changed_at desc"), text("case_id desc")),
    info=personal(
        by={"customer_id": ["subject", "department", "customer"]},
        none=["status"],
    ),
)

# What routing's events state of a case's newest work item. `case_changed_at` is a copy of the case's `changed_at`, kept up while
# the work is in a queue: by it a page of the cases of a queue or an agent is read from an index.
WORK = Table(
    "case_work",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid),
    Column("work_state", Text, nullable=False),
    Column("queue", Text),
    Column("assignee", Text),
    Column("assignee_name", Text),
    Column("due_at", DateTime(timezone=True)),
    Column("breached", ARRAY(Text), nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("event_partition", Integer, nullable=False),
    Column("event_offset", BigInteger, nullable=False),
    Column("case_changed_at", DateTime(timezone=True), nullable=False),
    Index(
        "case_work_queue_ix",
        "queue",
        text("case_changed_at desc"),
        text("case_id desc"),
        postgresql_where=text("queue is not null"),
    ),
    Index(
        "case_work_assignee_ix",
        "assignee",
        text("case_changed_at desc"),
        text("case_id desc"),
        postgresql_where=text("assignee is not null"),
    ),
    info=personal(
        none=["work_state", "queue", "breached"],
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

# Which cases what was said in a conversation is on. Not among the references: those are what senders choose.
CONVERSATION = Table(
    "case_conversation",
    METADATA,
    Column("conversation", Text, primary_key=True),
    Column("case_id", Uuid, primary_key=True),
    info=personal(by={"case_id -> case_file.customer_id": ["conversation"]}),
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
    # The reply that answered it, or that of nobody where a person settled the case without one; null while it awaits one.
    Column("answered_by", Uuid),
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

_PLACE_FIELDS = [field.name for field in fields(Place)]
_IN_PLACE = "on conflict (case_id) do update set " + ", ".join(
    f"{column.name} = excluded.{column.name}" for column in WORK.c if not column.primary_key
)
_DATE_WORKS = (
    "update case_work w set case_changed_at = r.case_changed_at "
    f"from {recordset([WORK.c.case_id, WORK.c.case_changed_at], '{rows}')} r "
    "where w.case_id = r.case_id and w.queue is not null"
)
_LOG = PLUMBING.change_log
_ADD_CHANGES = (
    "insert into change_log (kind, subject, audience, data) select r.kind, r.subject, "
    "array(select distinct name from unnest(r.audience || array['agent:' || w.assignee, 'queue:' || w.queue]) name "
    "where name is not null), r.data "
    f"from {recordset([_LOG.c.kind, _LOG.c.subject, _LOG.c.audience, _LOG.c.data], '{rows}')} r "
    "left join case_work w on w.case_id = cast(r.subject as uuid)"
)
# Of one customer, in which a message may find its case: who writes from one address may open as many as they like.
MOST_UNSETTLED = 50
# As if by a reply: words that a person settled without one.
SETTLED = UUID(int=0)

_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_KEYS = bindparam("keys", type_=ARRAY(TEXT))
_FIELDS = [field.name for field in fields(Case)]
# As text: its model reads that faster than it reads what the driver makes of jsonb.
_READ = ["cast(customer as text) as customer" if name == "customer" else name for name in _FIELDS]
_WORK_FIELDS = [column.name for column in WORK.c if column.name not in {"case_id", "case_changed_at"}]
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
# A work event's case is locked here, so that the next statement reads the copy of its work as whoever had the lock left it: a
# statement that waits for a lock itself still reads other tables as they were before.
_LOOK = text(
    """
    with held as materialized (
        select case_id from case_file where case_id in (select unnest(:worked)) order by case_id for update
    )
    select 'entry' as what, natural_key as name, cast(null as uuid) as case_id, cast(null as bigint) as number
    from case_entry where natural_key in (select unnest(:keys))
    union all select 'reference', reference, case_id, null from channel_reference
    where reference in (select unnest(:references))
    union all select 'conversation', conversation, case_id, null from case_conversation
    where conversation in (select unnest(:conversations))
    union all select 'number', null, null, nextval('case_number') from generate_series(1, :n)
    union all select 'held', null, case_id, null from held
    """
).bindparams(
    _KEYS,
    bindparam("references", type_=ARRAY(TEXT)),
    bindparam("conversations", type_=ARRAY(TEXT)),
    bindparam("n", type_=Integer),
    bindparam("worked", type_=ARRAY(PG_UUID(as_uuid=True))),
)
_PLACES = text(
    "select interaction_id, case_id, interaction, reading, cast(earlier -> -1 ->> 'until' as timestamptz) as edited_at "
    "from case_interaction where interaction_id in (select unnest(:ids))"
).bindparams(_IDS)
_LOAD = text(
    f"""
    select {', '.join(_READ)} from case_file where case_id in (
        select unnest(:ids)
        union all select case_id from case_file where number = any(:numbers)
        union all select c.case_id from unnest(:customers) as u(id) cross join lateral (
            select case_id from case_file where customer_id = u.id and status in ('new', 'open', 'pending')
            order by changed_at desc limit {MOST_UNSETTLED}
        ) c
    ) order by case_id for update
    """
).bindparams(
    _IDS,
    bindparam("numbers", type_=ARRAY(BIGINT)),
    bindparam("customers", type_=ARRAY(PG_UUID(as_uuid=True))),
)  # fmt: skip
_LOAD_WORKS = text(
    f"select {', '.join(_READ)}, {', '.join(_WORK_FIELDS)} from case_file left join case_work using (case_id) "
    "where case_id in (select unnest(:ids))"
).bindparams(_IDS)
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
        select s.*, sum(length(s.words)) over (order by accepted_at desc rows unbounded preceding) as so_far from (
            select right(interaction #>> '{{content,text}}', {MOST_BYTES}) as words, reading, accepted_at,
                interaction #- '{{content,html}}' #- '{{content,quoted}}' #- '{{content,signature}}' #- '{{content,text}}' as interaction
            from case_interaction
            where case_id = w.case_id and accepted_at >= w.since and deleted_at is null and answered_by is null
                and interaction ->> 'automation' = '{Automation.NONE.value}'
            order by accepted_at desc limit {MOST}
        ) s
    ) j
    cross join lateral (
        select jsonb_set(j.interaction, '{{content,text}}', to_jsonb(j.words)) as interaction, j.reading, j.accepted_at
        where j.so_far - length(j.words) < {MOST_BYTES}
    ) i order by w.case_id, i.accepted_at
    """
).bindparams(_IDS, bindparam("since", type_=ARRAY(DateTime(timezone=True))))
_ANSWER = text(
    "update case_interaction set answered_by = :by where case_id = :case_id and accepted_at >= :since and answered_by is null"
)
_NOT_ANSWERED = text(
    "update case_interaction i set answered_by = null from unnest(:replies, :ids, :since) as f(reply_id, case_id, since) "
    "where i.case_id = f.case_id and i.accepted_at >= f.since and i.answered_by = f.reply_id"
).bindparams(
    _IDS,
    bindparam("replies", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("since", type_=ARRAY(DateTime(timezone=True))),
)
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


# A case with the copy of its work, as it is shown.
SHOWN = select(
    CASE, *(WORK.c[n] for n in ("work_state", "queue", "assignee", "assignee_name", "due_at", "breached"))
).join_from(CASE, WORK, isouter=True, onclause=WORK.c.case_id == CASE.c.case_id)


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
    """What the record knows of a batch: entries that are there, cases by reference and by conversation, new case numbers."""

    recorded: set[str]
    by_reference: dict[str, list[UUID]]
    by_conversation: dict[str, list[UUID]]
    numbers: list[int]


async def look(
    tx: AsyncConnection,
    keys: Sequence[str],
    references: Sequence[str],
    conversations: Sequence[str],
    numbers: int,
    worked: Sequence[UUID],
) -> Found:
    """Which entries are on the record, which cases know the references and conversations, and `numbers` new case numbers.

    The cases `worked` are locked, in id order. A number that is not used, or whose transaction fails, leaves a gap.
    """
    found = Found(set(), {}, {}, [])
    given = {
        "keys": list(keys),
        "references": list(references),
        "conversations": list(conversations),
        "n": numbers,
        "worked": list(worked),
    }
    for row in await fetch(tx, _LOOK, given):
        match row.what:
            case "entry":
                found.recorded.add(row.name)
            case "reference":
                found.by_reference.setdefault(row.name, []).append(row.case_id)
            case "conversation":
                found.by_conversation.setdefault(row.name, []).append(row.case_id)
            case "number":
                found.numbers.append(row.number)
            case _:
                pass
    return found


async def places(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Version]:
    """Interactions as they stand on their cases, by id."""
    if not ids:
        return {}
    return {
        row.interaction_id: Version(
            row.case_id,
            Interaction.model_validate(row.interaction),
            Reading.model_validate(row.reading),
            row.edited_at,
        )
        for row in await fetch(tx, _PLACES, {"ids": list(ids)})
    }


async def load(
    tx: AsyncConnection, ids: Sequence[UUID], numbers: Sequence[int] = (), customers: Sequence[UUID] = ()
) -> dict[UUID, Case]:
    """Cases by id, by number, and the newest 50 unsettled ones of customers, locked in id order."""
    given = {"ids": list(ids), "numbers": list(numbers), "customers": list(customers)}
    if not any(given.values()):
        return {}
    return {row.case_id: case_of(mapping(row)) for row in await fetch(tx, _LOAD, given)}


async def load_works(tx: AsyncConnection, ids: Sequence[UUID]) -> tuple[dict[UUID, Case], dict[UUID, Work]]:
    """Cases that `look` has locked, and the copies of their work, where there is one."""
    if not ids:
        return {}, {}
    rows = [mapping(row) for row in await fetch(tx, _LOAD_WORKS, {"ids": list(ids)})]
    works = {row["case_id"]: _work_of(row) for row in rows if row["work_state"] is not None}
    return {row["case_id"]: case_of(row) for row in rows}, works


def case_of(row: Mapping[Any, Any]) -> Case:
    """A row with the columns of the table of cases as a value; its customer as text or as the driver reads it."""
    fields_of: dict[str, Any] = {name: row[name] for name in _FIELDS}
    read = (
        CustomerFacts.model_validate_json
        if isinstance(row["customer"], str)
        else CustomerFacts.model_validate
    )
    fields_of["customer"] = read(row["customer"])
    return Case(**fields_of)


def _work_of(row: Mapping[Any, Any]) -> Work:
    return Work(
        **{name: row[name] for name in ("case_id", *_WORK_FIELDS) if name not in _PLACE_FIELDS},
        place=Place(**{name: row[name] for name in _PLACE_FIELDS}),
    )


def add_cases(writes: Writes, cases: Sequence[Case]) -> None:
    """Adds new cases."""
    writes.insert(CASE, [_columns(case, _FIELDS) for case in cases])


def change_cases(writes: Writes, cases: Sequence[Case]) -> None:
    """Writes cases that `load` has locked."""
    writes.update(CASE, [_columns(case, ["case_id", *_CHANGING]) for case in cases])


def put_works(writes: Writes, works: Sequence[tuple[Work, Case]]) -> None:
    """Keeps the copies of the work of cases that `look` has locked, in the place of those that are there."""
    rows = [
        {name: value for name, value in vars(work).items() if name != "place"}
        | vars(work.place)
        | {"case_changed_at": case.changed_at}
        for work, case in works
    ]
    writes.insert(WORK, rows, then=_IN_PLACE)


def date_works(writes: Writes, cases: Sequence[Case]) -> None:
    """Has the copies of work that is in a queue know when these cases were changed."""
    if cases:
        rows = [{"case_id": case.case_id, "case_changed_at": case.changed_at} for case in cases]
        writes.add(_DATE_WORKS, rows=as_json(rows))


def add_changes(writes: Writes, changes: Sequence[Change]) -> None:
    """Adds changes of cases to the log, which also concern the queue and the agent that the case's work had until now.

    That is asked here, under the lock of the case, and not taken from what was read before it.
    """
    if changes:
        writes.add(_ADD_CHANGES, rows=as_json([change._asdict() for change in changes]))


def _columns(case: Case, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(case, name) for name in names}


def add_interactions(writes: Writes, placed: Sequence[Placed]) -> None:
    """Puts interactions on their cases."""
    writes.insert(INTERACTION, _rows(placed), then="on conflict do nothing")


def add_references(writes: Writes, pairs: Sequence[tuple[str, UUID]]) -> None:
    """Remembers which case a channel's id belongs to."""
    rows = [{"reference": reference, "case_id": case_id} for reference, case_id in sorted(set(pairs))]
    writes.insert(REFERENCE, rows, then="on conflict do nothing")


def add_conversations(writes: Writes, pairs: Sequence[tuple[str, UUID]]) -> None:
    """Remembers which cases what was said in a conversation is on."""
    rows = [{"conversation": name, "case_id": case_id} for name, case_id in sorted(set(pairs))]
    writes.insert(CONVERSATION, rows, then="on conflict do nothing")


def add_entries(writes: Writes, entries: Sequence[Entry]) -> None:
    """Adds to the record."""
    writes.insert(ENTRY, _rows(entries), then="on conflict do nothing")


async def edit_interactions(tx: AsyncConnection, edited: Sequence[Edited]) -> None:
    """New words of interactions; the former are added to those kept."""
    if edited:
        given = recordset([INTERACTION.c[n] for n in ("interaction_id", "interaction", "reading", "earlier")])
        await tx.execute(
            text(
                "update case_interaction i set earlier = i.earlier || r.earlier, interaction = r.interaction, "
                "reading = r.reading "
                f"from {given} r where i.interaction_id = r.interaction_id"
            ),
            {"rows": as_json(_rows(edited))},
        )


async def delete_interactions(tx: AsyncConnection, taken_back: Sequence[TakenBack]) -> None:
    """Marks interactions as taken back."""
    if taken_back:
        given = recordset([INTERACTION.c.interaction_id, INTERACTION.c.deleted_at])
        await tx.execute(
            text(
                f"update case_interaction i set deleted_at = r.deleted_at from {given} r "
                "where i.interaction_id = r.interaction_id and i.deleted_at is null"
            ),
            {"rows": as_json(_rows(taken_back))},
        )


async def add_reply(tx: AsyncConnection, reply: Reply) -> bool:
    """Keeps a reply that is asked for; whether it was kept, which it is not when its author used the key before."""
    return bool(
        await insert_rows(tx, REPLY, _rows([reply]), then="on conflict do nothing returning reply_id")
    )


async def awaited(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Awaited]:
    """What is to be known of replies when it is known what became of them, by id."""
    return {
        reply_id: Awaited(row.awaited_since, ReplyRequested.model_validate(row.requested).automation)
        for reply_id, row in (await replies(tx, ids)).items()
    }


async def replies(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, AnyRow]:
    """Replies by id."""
    if not ids:
        return {}
    return {row.reply_id: row for row in await fetch(tx, _REPLIES, {"ids": list(ids)})}


def finish_replies(writes: Writes, finished: Sequence[Finished]) -> None:
    """What became of replies."""
    writes.update(REPLY, _rows(finished))


async def spoken_last(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, Interaction]:
    """The newest that a person said on each of the cases and did not take back."""
    if not case_ids:
        return {}
    found = await fetch(tx, SPOKEN_LAST, {"ids": list(case_ids)})
    return {row.case_id: Interaction.model_validate(row.interaction) for row in found}


async def unanswered(
    tx: AsyncConnection, since: Mapping[UUID, datetime]
) -> dict[UUID, list[tuple[Interaction, Reading]]]:
    """What the customer said on each of the cases from a time on, nobody answered and they did not take back, oldest first.

    The newest 50, and of their texts the newest 100,000 characters: what else a mail holds is not read.
    """
    found: dict[UUID, list[tuple[Interaction, Reading]]] = {case_id: [] for case_id in since}
    if since:
        for row in await fetch(tx, UNANSWERED, {"ids": list(since), "since": list(since.values())}):
            said = Interaction.model_validate(row.interaction), Reading.model_validate(row.reading)
            found[row.case_id].append(said)
    return found


async def answer(tx: AsyncConnection, case_id: UUID, since: datetime, by: UUID) -> None:
    """Notes that what was said on a case since then was answered, by a reply or, `SETTLED`, without one."""
    await fetch(tx, _ANSWER, {"case_id": case_id, "since": since, "by": by})


async def not_answered(tx: AsyncConnection, failed: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Notes that replies failed (reply, case, since when what they answered was said): it awaits an answer again."""
    if failed:
        replies, cases, since = zip(*failed, strict=True)
        await fetch(tx, _NOT_ANSWERED, {"replies": list(replies), "ids": list(cases), "since": list(since)})


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
    writes: Writes, replies: Sequence[Reply], acknowledgements: Mapping[UUID, Acknowledged]
) -> None:
    """Adds replies that are set words, and what tells them from answers, by the reply's id."""
    writes.insert(REPLY, _rows(replies))
    writes.insert(
        ACKNOWLEDGEMENT,
        [{"reply_id": reply_id, **said._asdict()} for reply_id, said in acknowledgements.items()],
    )


def _rows(values: Sequence[_Kept]) -> list[dict[str, Any]]:
    return [vars(value) for value in values]
