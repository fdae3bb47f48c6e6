"""The copy of routing's work: the newest work item of each case, as routing's events state it."""

from collections.abc import Sequence
from dataclasses import fields
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import Columns, as_json, recordset
from antiphon.postgres.writes import Writes
from case_mgmt.domain.cases import Case
from case_mgmt.domain.work import EventPosition, Work
from case_mgmt.store.base import METADATA

# `case_changed_at` is a copy of the case's `changed_at`, kept up while the work is in a queue: with it, an index gives a page of
# the cases of a queue or an agent in their order.
WORK = Table(
    "case_work",
    METADATA,
    Column("case_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("work_state", Text, nullable=False),
    Column("queue", Text),
    Column("agent_id", Text),
    Column("agent_name", Text),
    Column("due_at", DateTime(timezone=True)),
    Column("breached", ARRAY(Text), nullable=False),
    Column("event_at", DateTime(timezone=True), nullable=False),
    Column("event_partition", Integer, nullable=False),
    Column("event_offset", BigInteger, nullable=False),
    Column("event_revision", BigInteger),
    Column("case_changed_at", DateTime(timezone=True), nullable=False),
    Index(
        "case_work_queue_ix",
        "queue",
        text("case_changed_at desc"),
        text("case_id desc"),
        postgresql_where=text("queue is not null"),
    ),
    Index(
        "case_work_agent_id_ix",
        "agent_id",
        text("case_changed_at desc"),
        text("case_id desc"),
        postgresql_where=text("agent_id is not null"),
    ),
    info=personal(
        none=["work_state", "queue", "breached"],
        staff=["agent_id", "agent_name"],
    ),
)
WORK_FIELDS = [column.name for column in WORK.c if column.name not in {"case_id", "case_changed_at"}]

_POSITION_FIELDS = [field.name for field in fields(EventPosition)]
_OVERWRITE = "on conflict (case_id) do update set " + ", ".join(
    f"{column.name} = excluded.{column.name}" for column in WORK.c if not column.primary_key
)
_COPY_CHANGED_AT = (
    "update case_work w set case_changed_at = r.case_changed_at "
    f"from {recordset([WORK.c.case_id, WORK.c.case_changed_at], '{rows}')} r "
    "where w.case_id = r.case_id and w.queue is not null"
)


def work_of(row: Columns, case_id: UUID) -> Work | None:
    """The work in a row of a case that is joined with `case_work`; None where the case has no work."""
    if row["work_state"] is None:
        return None
    return Work(
        case_id=case_id,
        **{name: row[name] for name in WORK_FIELDS if name not in _POSITION_FIELDS},
        position=EventPosition(**{name: row[name] for name in _POSITION_FIELDS}),
    )


def put(writes: Writes, works: Sequence[tuple[Work, Case]]) -> None:
    """Writes the copies of the work of cases that are locked. A copy replaces the one that is there."""
    rows = [
        {name: value for name, value in vars(work).items() if name != "position"}
        | vars(work.position)
        | {"case_changed_at": case.changed_at}
        for work, case in works
    ]
    writes.insert(WORK, rows, then=_OVERWRITE)


def copy_changed_at(writes: Writes, cases: Sequence[Case]) -> None:
    """Copies `changed_at` of these cases to their work where that is in a queue."""
    if cases:
        rows = [{"case_id": case.case_id, "case_changed_at": case.changed_at} for case in cases]
        writes.add(_COPY_CHANGED_AT, rows=as_json(rows))
