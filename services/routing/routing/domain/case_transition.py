"""What an event of a case changes: the case record after it, and what becomes of the work of the case. Pure.

A case needs work while it is new or open, and the customer awaits an answer or a person keeps it open. What a person did is
undone by no event that asks for nothing newer, and an event that is older than what was seen changes nothing.
"""

from enum import StrEnum
from typing import NamedTuple

from antiphon.contracts.cases import CaseFacts, CaseStatus
from routing.domain.case_record import CaseRecord


class WorkChange(StrEnum):
    """What becomes of the work of a case."""

    NOTHING = "nothing"
    NEW = "new"
    DECIDE_AGAIN = "decide-again"
    COMPLETE = "complete"


class Transition(NamedTuple):
    """A case record after an event, and what becomes of the work of the case."""

    record: CaseRecord
    work: WorkChange


def needs_work(case: CaseFacts) -> bool:
    """Whether a case needs work: the customer awaits an answer on it, or a person keeps it open."""
    is_wanted = case.awaiting_answer_since is not None or case.opened_by_person_at is not None
    return is_wanted and case.status in {CaseStatus.NEW, CaseStatus.OPEN}


def after_event(seen: CaseRecord, case: CaseFacts, *, has_work: bool) -> Transition | None:
    """Returns what an event that states the case so changes; None for one that is older than what was seen.

    `has_work`: whether the case has an open work item. A person who dismissed the work dismissed all that was asked by then:
    only an event that asks for more ends that.
    """
    if case.revision <= seen.revision:
        return None
    needs = needs_work(case)
    asked = case.revision if case.asked_revision is None else case.asked_revision
    asks = asked > seen.asked_revision
    is_dismissed = seen.is_dismissed and needs and not asks
    record = seen.replace(
        revision=case.revision,
        awaits=needs,
        awaiting_since=case.awaiting_answer_since,
        dismissed=seen.dismissed if is_dismissed else None,
        reference=case.reference,
        customer_id=case.customer.customer_id,
        asked_revision=max(asked, seen.asked_revision),
    )
    change = WorkChange.NOTHING
    if not needs:
        change = WorkChange.COMPLETE if has_work else WorkChange.NOTHING
    elif not has_work:
        change = WorkChange.NOTHING if is_dismissed else WorkChange.NEW
    elif asks:
        change = WorkChange.DECIDE_AGAIN
    return Transition(record, change)


def after_dismissal(seen: CaseRecord, why: str) -> CaseRecord:
    """Returns the case record after a person completed the work although the case needs some: `why` is their reason."""
    return seen.replace(dismissed=why)


def needs_open_work(record: CaseRecord) -> bool:
    """Whether the case must have exactly one open work item; otherwise it must have none."""
    return record.awaits and not record.is_dismissed
