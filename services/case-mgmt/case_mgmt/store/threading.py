"""By what the case of an interaction is found: the channel's references and conversations; and new case numbers."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Column, Integer, Table, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch
from antiphon.postgres.writes import Writes
from case_mgmt.store.base import METADATA

REFERENCE = Table(
    "channel_reference",
    METADATA,
    Column("reference", Text, primary_key=True),
    Column("case_id", Uuid, primary_key=True),
    info=personal(by={"case_id -> case_file.customer_id": ["reference"]}),
)

# The cases of each conversation. They are not among the references, because senders choose those.
CONVERSATION = Table(
    "case_conversation",
    METADATA,
    Column("conversation", Text, primary_key=True),
    Column("case_id", Uuid, primary_key=True),
    info=personal(by={"case_id -> case_file.customer_id": ["conversation"]}),
)

# `in (select unnest())`, not `= any()`: PostgreSQL keeps a plan of a time when the table was small. With `= any()` that plan reads
# the whole table and compares each row with each key.
# The statement locks the cases of work events, so that the next one reads the copies of their work as the last transaction left
# them: a statement that itself waits for a lock still reads other tables as they were before.
_LOOK_UP = text(
    """
    with locked as materialized (
        select case_id from case_file where case_id in (select unnest(:worked)) order by case_id for update
    )
    select 'entry' as what, natural_key as name, cast(null as uuid) as case_id, cast(null as bigint) as number
    from case_entry where natural_key in (select unnest(:keys))
    union all select 'reference', reference, case_id, null from channel_reference
    where reference in (select unnest(:references))
    union all select 'conversation', conversation, case_id, null from case_conversation
    where conversation in (select unnest(:conversations))
    union all select 'number', null, null, nextval('case_number') from generate_series(1, :n)
    union all select 'locked', null, case_id, null from locked
    """
).bindparams(
    bindparam("keys", type_=ARRAY(TEXT)),
    bindparam("references", type_=ARRAY(TEXT)),
    bindparam("conversations", type_=ARRAY(TEXT)),
    bindparam("n", type_=Integer),
    bindparam("worked", type_=ARRAY(PG_UUID(as_uuid=True))),
)


class BatchFacts(NamedTuple):
    """What is stored about a batch: entries that exist, cases by reference and by conversation; and new case numbers."""

    recorded: set[str]
    by_reference: dict[str, list[UUID]]
    by_conversation: dict[str, list[UUID]]
    numbers: list[int]


async def look_up(
    tx: AsyncConnection,
    keys: Sequence[str],
    references: Sequence[str],
    conversations: Sequence[str],
    numbers: int,
    worked: Sequence[UUID],
) -> BatchFacts:
    """Which natural keys the record has, the cases of the references and conversations, and `numbers` new case numbers.

    Locks the cases `worked`, in id order. A number that is not used, or whose transaction fails, leaves a gap.
    """
    facts = BatchFacts(set(), {}, {}, [])
    given = {
        "keys": list(keys),
        "references": list(references),
        "conversations": list(conversations),
        "n": numbers,
        "worked": list(worked),
    }
    for row in await fetch(tx, _LOOK_UP, given):
        match row.what:
            case "entry":
                facts.recorded.add(row.name)
            case "reference":
                facts.by_reference.setdefault(row.name, []).append(row.case_id)
            case "conversation":
                facts.by_conversation.setdefault(row.name, []).append(row.case_id)
            case "number":
                facts.numbers.append(row.number)
            case _:
                pass
    return facts


def add_references(writes: Writes, pairs: Sequence[tuple[str, UUID]]) -> None:
    """Stores which case each of a channel's ids belongs to."""
    rows = [{"reference": reference, "case_id": case_id} for reference, case_id in sorted(set(pairs))]
    writes.insert(REFERENCE, rows, then="on conflict do nothing")


def add_conversations(writes: Writes, pairs: Sequence[tuple[str, UUID]]) -> None:
    """Stores on which case each conversation is."""
    rows = [{"conversation": name, "case_id": case_id} for name, case_id in sorted(set(pairs))]
    writes.insert(CONVERSATION, rows, then="on conflict do nothing")
