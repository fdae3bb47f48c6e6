"""What people do to a case besides answering it: they read it, note something, or set its status."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.cases import CaseStatus, StatusTrigger
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.process import tracing
from case_mgmt import store
from case_mgmt.case_unit import CaseUnit
from case_mgmt.domain.cases import Case, set_by_person
from case_mgmt.domain.interactions import CaseInteraction
from case_mgmt.domain.record import EntryKind, NumberedEntry
from case_mgmt.domain.replies import Reply
from case_mgmt.domain.states import SETTERS, TRANSITIONS, in_words
from case_mgmt.domain.unanswered import bounded
from case_mgmt.domain.work import lacks_work
from case_mgmt.store.cases import ListedCase


class WholeCase(NamedTuple):
    """A case with everything on it, each list oldest first."""

    case: ListedCase
    interactions: list[CaseInteraction]
    replies: list[Reply]
    entries: list[NumberedEntry]


async def read(connection: AsyncConnection, case_id: UUID) -> ListedCase:
    """A case as people read it. Raises Problem 404."""
    case = await store.cases.read(connection, case_id)
    if case is None:
        raise not_found("case")
    return case


async def read_whole(connection: AsyncConnection, case_id: UUID) -> WholeCase:
    """A case with everything on it. Its parts agree if the transaction reads one snapshot. Raises Problem 404."""
    return WholeCase(
        case=await read(connection, case_id),
        interactions=await store.interactions.of_case(connection, case_id),
        replies=await store.replies.of_case(connection, case_id),
        entries=await store.record.of_case(connection, case_id),
    )


async def load(tx: AsyncConnection, case_id: UUID) -> Case:
    """A case, which this locks. Raises Problem 404."""
    cases = await store.cases.load(tx, [case_id])
    if case_id not in cases:
        raise not_found("case")
    return cases[case_id]


async def add_note(tx: AsyncConnection, case_id: UUID, text: str, who: Identity, now: datetime) -> ListedCase:
    """Adds an internal note to the record and returns the case. Raises Problem 404."""
    case = await load(tx, case_id)
    unit = CaseUnit({case_id: case}, now)
    unit.put(case.changed(now, is_seen=True))
    unit.record(case_id, f"note:{uuid4()}", EntryKind.NOTE, now, who.actor(), {"text": text})
    await unit.write(tx)
    return await read(tx, case_id)


async def set_status(
    tx: AsyncConnection, case_id: UUID, status: str, reason: str, who: Identity, now: datetime, *,
    queue: str | None = None,
) -> ListedCase:  # fmt: skip
    """Sets the status of a case and returns the case. If the case has this status, and its work too, nothing changes.

    A case that a person resolves or closes no longer awaits an answer. A person who opens a case again, or one whose work was
    dismissed, asks for work on it, in `queue` or where the rules put it.

    Raises Problem: 404 for an unknown case, 409 for a status that a person cannot set now, and for a queue of a case whose work
    is there already.
    """
    case = await load(tx, case_id)
    is_open = case.status in {CaseStatus.NEW, CaseStatus.OPEN}
    lacks = status == CaseStatus.OPEN and is_open and lacks_work(case, (await read(tx, case_id)).work)
    if queue is not None and is_open and not lacks and case.opened_in_queue != queue:
        raise Problem(
            Kind.CASE_HAS_WORK,
            f"The case is {case.status} already, and has its work: transfer that to {queue}.",
        )
    if case.status != status or lacks:
        await _change_status(tx, case, status, reason, who, now, queue, lacks=lacks)
    return await read(tx, case_id)


async def _change_status(
    tx: AsyncConnection, case: Case, status: str, reason: str, who: Identity, now: datetime, queue: str | None, *,
    lacks: bool,
) -> None:  # fmt: skip
    trigger = SETTERS[status]
    if not lacks and (case.status, trigger) not in TRANSITIONS:
        raise Problem(
            Kind.STATUS_NOT_POSSIBLE, f"A case with the status {case.status} cannot be {in_words(trigger)}."
        )
    awaited = case.awaiting_answer_since
    after = set_by_person(case, status, queue, now, lacks_work=lacks)
    if awaited is not None and after.awaiting_answer_since is None:
        await store.interactions.mark_answered(tx, case.case_id, awaited, store.interactions.WITHOUT_REPLY)
    since = {case.case_id: awaited} if awaited and status == CaseStatus.OPEN else {}
    unanswered = bounded((await store.interactions.unanswered(tx, since)).get(case.case_id, []))
    newest = None
    if status == CaseStatus.OPEN and not unanswered:
        newest = await store.interactions.newest_of_person(tx, case.case_id)
    unit = CaseUnit({case.case_id: case}, now)
    unit.move(
        case, after, who.actor(), StatusTrigger.SET_BY_PERSON, reason, tracing.current(), unanswered,
        newest=next(iter(bounded([(newest.interaction, newest.reading)])), None) if newest else None,
    )  # fmt: skip
    await unit.write(tx)
