"""Which case an interaction belongs to: decided from facts that the store fetched, in this order.

1. the signed case token of the address to which it was sent;
2. the channel's references: what it answers is on a case, or its conversation is;
3. the customer's unresolved case of the same department;
4. none: it opens a case.

Token and reference lead only into a case of the same customer (docs/adr/0004). Otherwise the interaction opens a new case,
which names the other as related.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.cases import CaseStatus, ThreadedBy
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Automation, Interaction
from case_mgmt.domain.cases import Case
from case_mgmt.domain.states import UNRESOLVED


class Threaded(NamedTuple):
    """The case of an interaction, or None to open one; how it was found; and the case that it names but must not join."""

    case_id: UUID | None
    by: ThreadedBy
    related: UUID | None = None


class CaseIndex(NamedTuple):
    """The cases among which one is chosen, and their ids by number, reference, conversation and customer."""

    cases: Mapping[UUID, Case]
    by_number: Mapping[int, UUID]
    by_reference: Mapping[str, Sequence[UUID]]
    by_conversation: Mapping[str, Sequence[UUID]]
    by_customer: Mapping[UUID, Sequence[UUID]]


def thread(
    interaction: Interaction,
    reading: Reading,
    customer_id: UUID,
    index: CaseIndex,
    read_token: Callable[[str | None], int | None],
    now: datetime,
    reopen_closed_within: timedelta,
) -> Threaded:
    """Finds the case of an interaction. `read_token` returns the case number of a token that this service made, else None."""

    def may_join(case: Case) -> bool:
        is_too_late = case.status == CaseStatus.CLOSED and case.changed_at < now - reopen_closed_within
        return case.customer_id == customer_id and (
            not is_too_late or interaction.automation != Automation.NONE
        )

    related: UUID | None = None
    number = read_token(interaction.thread.case_token)
    by_token = [index.by_number[number]] if number is not None and number in index.by_number else []
    for by, candidates in (
        (ThreadedBy.CASE_TOKEN, by_token),
        (ThreadedBy.REFERENCE, _referenced(interaction.thread.answers, index.by_reference)),
        (
            ThreadedBy.REFERENCE,
            _newest_first(index.by_conversation.get(interaction.thread.conversation or "", ()), index),
        ),
    ):
        for case_id in candidates:
            if may_join(index.cases[case_id]):
                return Threaded(case_id, by)
            related = related or case_id
    # An automatic message follows references only: it says nothing about a subject.
    if interaction.automation == Automation.NONE and related is None:
        own = (index.cases[case_id] for case_id in index.by_customer.get(customer_id, ()))
        unresolved = [case for case in own if case.status in UNRESOLVED]
        of_department = [
            case
            for case in unresolved
            if case.department == reading.department and reading.department is not None
        ]
        # A message without a known subject is about the customer's case if they have exactly one.
        is_about_the_only_one = reading.department is None and len(unresolved) == 1
        candidates = of_department or (unresolved if is_about_the_only_one else [])
        if candidates:
            newest = max(candidates, key=lambda case: (case.changed_at, case.number))
            return Threaded(newest.case_id, ThreadedBy.OPEN_CASE)
    return Threaded(None, ThreadedBy.NEW_CASE, related)


def _newest_first(case_ids: Sequence[UUID], index: CaseIndex) -> list[UUID]:
    return sorted(
        case_ids, key=lambda each: (index.cases[each].changed_at, index.cases[each].number), reverse=True
    )


def _referenced(answers: Iterable[str], by_reference: Mapping[str, Sequence[UUID]]) -> list[UUID]:
    return list(dict.fromkeys(case_id for answer in answers for case_id in by_reference.get(answer, ())))
