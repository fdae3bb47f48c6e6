"""Cases: their rows, and lists of them with the copy of routing's work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.identified import CustomerFacts
from antiphon.http.pages import ChangeOrder, Export, KeysetPage, Page
from antiphon.postgres.personal_data import personal
from antiphon.postgres.plumbing import XID8
from antiphon.postgres.query import Columns, fetch, mapping
from antiphon.postgres.writes import Writes
from case_mgmt.domain.cases import Case
from case_mgmt.domain.states import UNRESOLVED
from case_mgmt.domain.unanswered import NewestUnanswered, first_words
from case_mgmt.domain.work import Work
from case_mgmt.store.base import METADATA
from case_mgmt.store.interactions import NEWEST_UNANSWERED
from case_mgmt.store.work import WORK, WORK_FIELDS, work_of

# With its values in the text, as the index has it: a plan for any values could not use that.
CLOSED_UNSEEN = text("not is_seen and status in ('resolved', 'closed')")
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
    Column("opened_by_person_at", DateTime(timezone=True)),
    Column("opened_in_queue", Text),
    Column("is_seen", Boolean, nullable=False, server_default=false()),
    Column("changed_xid", XID8, nullable=False, server_default=func.pg_current_xact_id()),
    Index("case_file_customer_id_ix", "customer_id", "status"),
    Index("case_file_newest_ix", text("changed_at desc"), text("case_id desc")),
    Index("case_file_changed_xid_ix", "changed_xid", "case_id"),
    Index(
        "case_file_closed_unseen_ix",
        text("changed_at desc"),
        text("case_id desc"),
        postgresql_where=CLOSED_UNSEEN,
    ),
    Index("case_file_status_ix", "status", text("changed_at desc"), text("case_id desc")),
    info=personal(
        by={"customer_id": ["subject", "department", "customer"]},
        none=["status", "opened_in_queue", "changed_xid"],
    ),
)

# Of one customer, among which a message may find its case: a stranger can open as many cases as they like.
MOST_UNRESOLVED = 50

View = TypeVar("View")

_FIELDS = [field.name for field in fields(Case)]
_CHANGING = [name for name in _FIELDS if name not in {"number", "opened_at", "customer_id"}]
# As text: pydantic parses JSON text faster than it validates what the driver makes of jsonb.
_READ = ["cast(customer as text) as customer" if name == "customer" else name for name in _FIELDS]
_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_LOAD = text(
    f"""
    select {', '.join(_READ)} from case_file where case_id in (
        select unnest(:ids)
        union all select case_id from case_file where number = any(:numbers)
        union all select c.case_id from unnest(:customers) as u(id) cross join lateral (
            select case_id from case_file where customer_id = u.id
            and status in ({', '.join(f"'{status.value}'" for status in UNRESOLVED)})
            order by changed_at desc limit {MOST_UNRESOLVED}
        ) c
    ) order by case_id for update
    """
).bindparams(
    _IDS,
    bindparam("numbers", type_=ARRAY(BIGINT)),
    bindparam("customers", type_=ARRAY(PG_UUID(as_uuid=True))),
)  # fmt: skip
_LOAD_WITH_WORK = text(
    f"select {', '.join(_READ)}, {', '.join(WORK_FIELDS)} from case_file left join case_work using (case_id) "
    "where case_id in (select unnest(:ids))"
).bindparams(_IDS)
_LISTED = select(CASE, *(WORK.c[name] for name in WORK_FIELDS), NEWEST_UNANSWERED).join_from(
    CASE, WORK, isouter=True, onclause=WORK.c.case_id == CASE.c.case_id
)


class CaseWithWork(NamedTuple):
    """A case and the copy of its work, if it has work."""

    case: Case
    work: Work | None


class ListedCase(NamedTuple):
    """A case as people read it: with the copy of its work, and what awaits an answer on it, if it has these."""

    case: Case
    work: Work | None
    newest: NewestUnanswered | None


@dataclass(frozen=True)
class CaseFilter:
    """Which cases a list has: those with all of these values. None: any value."""

    case_ids: Sequence[UUID] | None = None
    status: str | None = None
    department: str | None = None
    customer_id: UUID | None = None
    number: int | None = None
    numbers: Sequence[tuple[int, int]] | None = None  # ranges with both ends
    queue: str | None = None
    agent_id: str | None = None
    is_awaiting_answer: bool = False
    is_closed_unseen: bool = False


async def load(
    tx: AsyncConnection,
    case_ids: Sequence[UUID],
    numbers: Sequence[int] = (),
    customer_ids: Sequence[UUID] = (),
) -> dict[UUID, Case]:
    """Cases by id and by number, and the newest 50 unresolved ones of customers. Locks them, in id order."""
    given = {"ids": list(case_ids), "numbers": list(numbers), "customers": list(customer_ids)}
    if not any(given.values()):
        return {}
    return {row.case_id: _case_of(mapping(row)) for row in await fetch(tx, _LOAD, given)}


async def load_with_work(tx: AsyncConnection, case_ids: Sequence[UUID]) -> list[CaseWithWork]:
    """Cases that `threading.look_up` has locked, with their work."""
    if not case_ids:
        return []
    return [_with_work(mapping(row)) for row in await fetch(tx, _LOAD_WITH_WORK, {"ids": list(case_ids)})]


def add(writes: Writes, cases: Sequence[Case]) -> None:
    """Adds new cases."""
    writes.insert(CASE, [_columns(case, _FIELDS) for case in cases])


def change(writes: Writes, cases: Sequence[Case]) -> None:
    """Writes changed cases, which `load` or `threading.look_up` has locked."""
    writes.update(CASE, [_columns(case, _CHANGING) for case in cases])


async def read(connection: AsyncConnection, case_id: UUID) -> ListedCase | None:
    """A case as people read it, without a lock; None if there is no such case."""
    row = (await connection.execute(_LISTED.where(CASE.c.case_id == case_id))).one_or_none()
    return None if row is None else _listed(mapping(row))


async def page(
    connection: AsyncConnection,
    wanted: CaseFilter,
    cursor: str | None,
    limit: int,
    view: Callable[[ListedCase], View],
) -> Page[View]:
    """A page of the cases that `wanted` describes, as views, the newest change first. Raises Problem 400 for a wrong cursor."""
    query = _LISTED
    if wanted.case_ids is not None:
        query = query.where(CASE.c.case_id.in_(wanted.case_ids))
    for column, value in (
        (CASE.c.status, wanted.status),
        (CASE.c.department, wanted.department),
        (CASE.c.customer_id, wanted.customer_id),
        (CASE.c.number, wanted.number),
        (WORK.c.queue, wanted.queue),
        (WORK.c.agent_id, wanted.agent_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.numbers is not None:
        query = query.where(or_(false(), *(CASE.c.number.between(*ends) for ends in wanted.numbers)))
    if wanted.is_awaiting_answer:
        query = query.where(CASE.c.awaiting_answer_since.is_not(None))
    if wanted.is_closed_unseen:
        query = query.where(CLOSED_UNSEEN)
    keyset = KeysetPage(CASE.c.changed_at, CASE.c.case_id)
    if wanted.queue is not None or wanted.agent_id is not None:
        # The same order, as the indexes of `case_work` have it.
        query = query.add_columns(WORK.c.case_changed_at)
        keyset = KeysetPage(WORK.c.case_changed_at, WORK.c.case_id)
    rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
    return keyset.page(rows, limit, lambda row: view(_listed(mapping(row))))


EXPORT = ChangeOrder(CASE.c.changed_xid, CASE.c.case_id)


async def export(
    connection: AsyncConnection, cursor: str | None, limit: int, view: Callable[[Case], View]
) -> Export[View]:
    """A part of the export of all cases, as views. Raises Problem 400 and 410 for a wrong cursor."""
    return await EXPORT.part(
        connection, select(CASE), cursor, limit, lambda row: view(_case_of(mapping(row)))
    )


def _with_work(row: Columns) -> CaseWithWork:
    case = _case_of(row)
    return CaseWithWork(case, work_of(row, case.case_id))


def _listed(row: Columns) -> ListedCase:
    case, work = _with_work(row)
    newest = row["newest_unanswered"]
    return ListedCase(
        case,
        work,
        newest and NewestUnanswered(first_words(newest["text"]), newest["tone"], newest["channel"]),
    )


def _case_of(row: Columns) -> Case:
    """A case from a row that has its customer as text or as the driver reads jsonb."""
    customer = row["customer"]
    is_text = isinstance(customer, str)
    read_customer = CustomerFacts.model_validate_json if is_text else CustomerFacts.model_validate
    values: Columns = {**row, "customer": read_customer(customer)}
    return Case(**{name: values[name] for name in _FIELDS})


def _columns(case: Case, names: Sequence[str]) -> Columns:
    return {name: getattr(case, name) for name in names}
