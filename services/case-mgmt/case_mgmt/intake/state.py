"""A batch while it is applied: what was read for it, and what it is going to write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from antiphon.contracts.cases import InteractionFacts
from antiphon.contracts.identified import Reading
from antiphon.contracts.interactions import Interaction
from antiphon.postgres.writes import Writes
from case_mgmt import store
from case_mgmt.acknowledgements import Acknowledgements
from case_mgmt.case_unit import CaseUnit
from case_mgmt.domain.cases import Case
from case_mgmt.domain.interactions import (
    CaseInteraction,
    CurrentVersion,
    DeletedInteraction,
    EditedInteraction,
    WordsOnCase,
)
from case_mgmt.domain.replies import Reply, ReplyOutcome
from case_mgmt.domain.threading import CaseIndex
from case_mgmt.domain.unanswered import bounded


@dataclass(frozen=True)
class ThreadingRules:
    """How cases are found: `read_token` returns the case number of a token that this service made, else None.

    A closed case is reopened within `reopen_closed_within` of its last change.
    """

    read_token: Callable[[str | None], int | None]
    reopen_closed_within: timedelta


@dataclass
class BatchIndex:
    """The ids of the loaded cases, by what an interaction may name. Cases that the batch opens are added."""

    by_number: dict[int, UUID]
    by_reference: dict[str, list[UUID]]
    by_conversation: dict[str, list[UUID]]
    by_customer: dict[UUID, list[UUID]]

    def of(self, cases: dict[UUID, Case]) -> CaseIndex:
        """The index as threading reads it."""
        return CaseIndex(cases, self.by_number, self.by_reference, self.by_conversation, self.by_customer)

    def add_case(self, case: Case) -> None:
        """Adds a case that the batch opens."""
        self.by_number[case.number] = case.case_id
        self.by_customer.setdefault(case.customer_id, []).append(case.case_id)


@dataclass
class BatchState:
    """A batch while its events are applied one after another.

    `words_on_cases` has what deletions of the batch must know, by case and interaction: the words that they delete, and those that are
    then the oldest of the unanswered and of the answered ones. It is empty without deletions.
    """

    unit: CaseUnit
    rules: ThreadingRules
    index: BatchIndex
    new_numbers: list[int]
    versions: dict[UUID, CurrentVersion]
    replies: dict[UUID, Reply]
    acknowledgements: Acknowledgements
    unanswered: dict[UUID, list[tuple[Interaction, Reading]]]
    words_on_cases: dict[UUID, dict[UUID, WordsOnCase]]
    interactions: list[CaseInteraction] = field(default_factory=list[CaseInteraction])
    references: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    conversations: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    edited: dict[UUID, EditedInteraction] = field(default_factory=dict[UUID, EditedInteraction])
    deleted: list[DeletedInteraction] = field(default_factory=list[DeletedInteraction])
    outcomes: list[ReplyOutcome] = field(default_factory=list[ReplyOutcome])

    def unanswered_on(self, case: Case) -> list[InteractionFacts]:
        """The interactions of people on a case since it awaits an answer, bounded as events carry them."""
        since = case.awaiting_answer_since
        if since is None:
            return []
        return bounded(one for one in self.unanswered.get(case.case_id, ()) if one[0].accepted_at >= since)

    def add_to(self, writes: Writes) -> None:
        """Adds to the writes of the transaction everything but edits and deletions, which come after them."""
        self.unit.add_to(writes)
        store.interactions.add(writes, self.interactions)
        store.threading.add_references(writes, self.references)
        store.threading.add_conversations(writes, self.conversations)
        store.replies.finish(writes, self.outcomes)
        self.acknowledgements.add_to(writes)
