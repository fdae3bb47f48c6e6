"""Which case an interaction belongs to: decided from facts that the store fetched, in this order.

1. the signed case token of the address it was sent to;
2. the channel's references: what it answers is on a case, or what was said before in its conversation;
3. the customer's unsettled case on that subject's department;
4. none: it opens a case.

Token and reference are followed only into a case of the same customer (docs/adr/0004); otherwise the interaction opens
a case of its own that names the other as related.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from antiphon.contracts.cases import CaseStatus, ThreadedBy
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Automation, Interaction
from case_mgmt.domain.case import Case
from case_mgmt.domain.states import UNSETTLED


class Threaded(NamedTuple):
    """The case found, or None to open one; how; and the case that it referred to but must not join."""

    case_id: UUID | None
    by: ThreadedBy
    related: UUID | None = None


class Known(NamedTuple):
    """What the store knows that may decide: cases by id, number, reference of the channel, conversation and customer."""

    cases: Mapping[UUID, Case]
    by_number: Mapping[int, UUID]
    by_reference: Mapping[str, Sequence[UUID]]
    by_conversation: Mapping[str, Sequence[UUID]]
    by_customer: Mapping[UUID, Sequence[UUID]]


def thread(
    interaction: Interaction,
    reading: Reading,
    customer_id: UUID,
    known: Known,
    number_in: Callable[[str | None], int | None],
    now: datetime,
    reopen_closed_within: timedelta,
) -> Threaded:
    """Finds the case of an interaction. `number_in` reads a case token that is ours."""

    def may_join(case: Case) -> bool:
        too_late = case.status == CaseStatus.CLOSED and case.changed_at < now - reopen_closed_within
        return case.customer_id == customer_id and (not too_late or interaction.automation != Automation.NONE)

    related: UUID | None = None
    number = number_in(interaction.thread.case_token)
    pointed = [known.by_number[number]] if number is not None and number in known.by_number else []
    for by, candidates in (
        (ThreadedBy.CASE_TOKEN, pointed),
        (ThreadedBy.REFERENCE, _referred(interaction.thread.answers, known.by_reference)),
        (
            ThreadedBy.REFERENCE,
            _newest(known.by_conversation.get(interaction.thread.conversation or "", ()), known),
        ),
    ):
        for case_id in candidates:
            if may_join(known.cases[case_id]):
                return Threaded(case_id, by)
            related = related or case_id
    # What no person wrote follows references only: an automatic mail says nothing about a subject.
    if interaction.automation == Automation.NONE and related is None:
        own = (known.cases[case_id] for case_id in known.by_customer.get(customer_id, ()))
        unsettled = [case for case in own if case.status in UNSETTLED]
        same = [c for c in unsettled if c.department == reading.department and reading.department is not None]
        # Words without a subject, of a customer with one case: they are about that.
        found = same or (unsettled if reading.department is None and len(unsettled) == 1 else [])
        if found:
            return Threaded(max(found, key=lambda c: (c.changed_at, c.number)).case_id, ThreadedBy.OPEN_CASE)
    return Threaded(None, ThreadedBy.NEW_CASE, related)


def _newest(case_ids: Sequence[UUID], known: Known) -> list[UUID]:
    return sorted(
        case_ids, key=lambda each: (known.cases[each].changed_at, known.cases[each].number), reverse=True
    )


def _referred(answers: Iterable[str], by_reference: Mapping[str, Sequence[UUID]]) -> list[UUID]:
    return list(dict.fromkeys(case_id for answer in answers for case_id in by_reference.get(answer, ())))
