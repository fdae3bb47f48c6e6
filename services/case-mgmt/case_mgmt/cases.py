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
from case_mgmt.domain.cases import Case, CaseChanges
from case_mgmt.domain.interactions import CaseInteraction
from case_mgmt.domain.record import EntryKind, NumberedEntry
from case_mgmt.domain.replies import Reply
from case_mgmt.domain.states import SETTERS, TRANSITIONS, in_words
from case_mgmt.domain.unanswered import bounded
from case_mgmt.store.cases import CaseWithWork


class WholeCase(NamedTuple):
    """A case with everything on it, each list oldest first."""

    case: CaseWithWork
    interactions: list[CaseInteraction]
    replies: list[Reply]
    entries: list[NumberedEntry]


async def read(connection: AsyncConnection, case_id: UUID) -> CaseWithWork:
    """A case with its work. Raises Problem 404."""
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


async def add_note(
    tx: AsyncConnection, case_id: UUID, text: str, who: Identity, now: datetime
) -> CaseWithWork:
    """Adds an internal note to the record and returns the case. Raises Problem 404."""
    case = await load(tx, case_id)
    unit = CaseUnit({case_id: case}, now)
    unit.put(case.changed(now))
    unit.record(case_id, f"note:{uuid4()}", EntryKind.NOTE, now, who.actor(), {"text": text})
    await unit.write(tx)
    return await read(tx, case_id)


async def set_status(
    tx: AsyncConnection, case_id: UUID, status: str, reason: str, who: Identity, now: datetime
) -> CaseWithWork:
    """Sets the status of a case and returns the case. If the case has this status, nothing changes.

    A case that a person resolves or closes no longer awaits an answer. A person who opens a case asks for an answer again.

    Raises Problem: 404 for an unknown case, 409 for a status that a person cannot set now.
    """
    case = await load(tx, case_id)
    if case.status != status:
        await _change_status(tx, case, status, reason, who, now)
    return await read(tx, case_id)


async def _change_status(
    tx: AsyncConnection, case: Case, status: str, reason: str, who: Identity, now: datetime
) -> None:
    trigger = SETTERS[status]
    if (case.status, trigger) not in TRANSITIONS:
        raise Problem(
            Kind.STATUS_NOT_POSSIBLE, f"A case with the status {case.status} cannot be {in_words(trigger)}."
        )
    awaited = case.awaiting_answer_since
    is_done = status in {CaseStatus.RESOLVED, CaseStatus.CLOSED}
    if is_done and awaited is not None:
        await store.interactions.mark_answered(tx, case.case_id, awaited, store.interactions.WITHOUT_REPLY)
    changes: CaseChanges = {
        "awaiting_answer_since": None if is_done else awaited,
        "words_revision": case.revision + 1,
    }
    if status == CaseStatus.OPEN:
        changes["asked_revision"] = case.revision + 1
    since = {case.case_id: awaited} if awaited and status == CaseStatus.OPEN else {}
    unanswered = (await store.interactions.unanswered(tx, since)).get(case.case_id, [])
    unit = CaseUnit({case.case_id: case}, now)
    unit.move(
        case,
        case.moved(trigger, now, **changes),
        who.actor(),
        StatusTrigger.SET_BY_PERSON,
        reason,
        tracing.current(),
        bounded(unanswered),
    )
    await unit.write(tx)
