"""A case as a value. Every change makes the next revision."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from typing_extensions import Unpack

from antiphon.contracts.cases import CaseFacts, CaseStatus, InteractionFacts
from antiphon.contracts.identified import CustomerFacts, Reading
from antiphon.contracts.interactions import Automation, Interaction
from case_mgmt.domain.states import SETTERS, TRANSITIONS, Trigger

_MOST_DIGITS = 15
_BEGINNING = re.compile(r"(?:C-?)?([1-9][0-9]{0,14})", re.IGNORECASE)


class CaseChanges(TypedDict, total=False):
    """The fields of a case that a change may set."""

    status: str
    department: str | None
    customer: CustomerFacts
    interactions: int
    replies: int
    reopened: int
    awaiting_answer_since: datetime | None
    words_revision: int
    asked_revision: int
    opened_by_person_at: datetime | None
    opened_in_queue: str | None
    is_seen: bool


@dataclass(frozen=True)
class Case:
    """What a customer wants. The fields are the columns of its row."""

    case_id: UUID
    number: int
    status: str
    subject: str | None
    department: str | None
    customer_id: UUID
    customer: CustomerFacts
    opened_at: datetime
    changed_at: datetime
    interactions: int = 0
    replies: int = 0
    reopened: int = 0
    awaiting_answer_since: datetime | None = None
    related_case_id: UUID | None = None
    revision: int = 0
    words_revision: int = 0  # the revision at which something was last said: who answers must have seen it
    asked_revision: int = 0  # the revision at which somebody was last asked to answer
    opened_by_person_at: datetime | None = (
        None  # a person keeps it open, and wants work on it without words too
    )
    opened_in_queue: str | None = None
    is_seen: bool = False  # a person accepted its work, answered it, noted something on it or set its status

    @property
    def reference(self) -> str:
        """What people call the case, e.g. `C-1042`."""
        return f"C-{self.number}"

    def facts(self) -> CaseFacts:
        """The case as events carry it."""
        return CaseFacts(
            case_id=self.case_id,
            reference=self.reference,
            status=self.status,
            subject=self.subject,
            department=self.department,
            customer=self.customer,
            opened_at=self.opened_at,
            interactions=self.interactions,
            replies=self.replies,
            reopened=self.reopened,
            awaiting_answer_since=self.awaiting_answer_since,
            related_case_id=self.related_case_id,
            revision=self.revision,
            asked_revision=self.asked_revision,
            opened_by_person_at=self.opened_by_person_at,
            opened_in_queue=self.opened_in_queue,
        )

    def moved(self, trigger: Trigger, now: datetime, **changes: Unpack[CaseChanges]) -> "Case":
        """The next revision with these fields changed and the status that TRANSITIONS gives for `trigger`.

        The status stays where TRANSITIONS has no entry.
        """
        changes["status"] = TRANSITIONS.get((CaseStatus(self.status), trigger), self.status)
        return self.changed(now, **changes)

    def changed(self, now: datetime, **changes: Unpack[CaseChanges]) -> "Case":
        """The next revision with these fields changed."""
        return replace(self, revision=self.revision + 1, changed_at=now, **changes)


def numbers_beginning(words: str) -> list[tuple[int, int]]:
    """The numbers of cases whose reference begins so, as ranges with both ends: `C-10` and `10` give 10, 100 to 109, and so on.

    None for words that are no beginning of a reference.
    """
    match = _BEGINNING.fullmatch(words.strip())
    if match is None:
        return []
    first = int(match[1])
    steps = [10**more for more in range(_MOST_DIGITS - len(match[1]) + 1)]
    return [(first * step, (first + 1) * step - 1) for step in steps]


@dataclass(frozen=True)
class DeletedWords:
    """Words that the customer deleted, and what remains of theirs on the case.

    `accepted_at` is None where the words awaited no answer. `oldest_unanswered` is when the oldest of the other words was
    accepted that await one. `others_answered`: other words on the case were answered.
    """

    accepted_at: datetime | None
    oldest_unanswered: datetime | None
    others_answered: bool


def opened(
    case_id: UUID,
    number: int,
    interaction: Interaction,
    customer: CustomerFacts,
    reading: Reading,
    related: UUID | None,
    now: datetime,
) -> Case:
    """The case that an interaction opens.

    A message that no person wrote opens a closed case: it is on the record and becomes nobody's work.
    """
    person = interaction.automation == Automation.NONE
    return Case(
        case_id=case_id,
        number=number,
        status=CaseStatus.NEW if person else CaseStatus.CLOSED,
        subject=interaction.content.subject,
        department=reading.department,
        customer_id=customer.customer_id,
        customer=customer,
        opened_at=now,
        changed_at=now,
        interactions=1,
        awaiting_answer_since=interaction.accepted_at if person else None,
        related_case_id=related,
        revision=1,
        words_revision=1,
        asked_revision=1 if person else 0,
    )


def joined(
    case: Case, interaction: Interaction, customer: CustomerFacts, reading: Reading, now: datetime
) -> Case:
    """The case with one more interaction. A message that no person wrote only adds to the record."""
    common: CaseChanges = {
        "customer": customer,
        "interactions": case.interactions + 1,
        "words_revision": case.revision + 1,
    }
    if interaction.automation != Automation.NONE:
        return case.changed(now, **common)
    since = case.awaiting_answer_since
    is_reopened = case.status in {CaseStatus.RESOLVED, CaseStatus.CLOSED}
    common["department"] = case.department or reading.department
    common["awaiting_answer_since"] = (
        min(since, interaction.accepted_at) if since else interaction.accepted_at
    )
    common["reopened"] = case.reopened + is_reopened
    common["asked_revision"] = case.revision + 1
    return case.moved(Trigger.CUSTOMER_SPOKE, now, **common)


def set_by_person(case: Case, status: str, queue: str | None, now: datetime, *, lacks_work: bool) -> Case:
    """The case with the status that a person sets. The status stays only where they open an open case that lacks work.

    A case that is resolved or closed no longer awaits an answer. A person who opens a case again, or one whose work was
    dismissed, asks for work on it, in `queue` where they name one, also where no words await an answer.
    """
    done = status in {CaseStatus.RESOLVED, CaseStatus.CLOSED}
    changes: CaseChanges = {
        "awaiting_answer_since": None if done else case.awaiting_answer_since,
        "words_revision": case.revision + 1,
        "opened_by_person_at": None,
        "opened_in_queue": None,
        "is_seen": True,
    }
    if status == CaseStatus.OPEN:
        changes["asked_revision"] = case.revision + 1
        if case.status != CaseStatus.NEW or lacks_work:
            changes["opened_by_person_at"], changes["opened_in_queue"] = now, queue
    return case.moved(SETTERS[status], now, **changes)


def answer_requested(case: Case, status: str, now: datetime, *, lacks_work: bool) -> Case:
    """The case after a person wrote an answer and chose the status that follows.

    Who answers and leaves the case open wants to go on with it: it keeps its work, or gets some where it had none.
    """
    changes: CaseChanges = {
        "awaiting_answer_since": None,
        "words_revision": case.revision + 1,
        "opened_by_person_at": None,
        "opened_in_queue": None,
        "is_seen": True,
    }
    if status == CaseStatus.OPEN:
        changes["opened_by_person_at"] = now
        if lacks_work or case.status not in {CaseStatus.NEW, CaseStatus.OPEN}:
            changes["asked_revision"] = case.revision + 1
    trigger = Trigger.REPLY_REQUESTED if status == CaseStatus.PENDING else SETTERS[status]
    return case.moved(trigger, now, **changes)


def reply_failed(case: Case, awaited_since: datetime, now: datetime) -> Case:
    """The case after a person's answer could not be sent: what it had answered since `awaited_since` awaits one again."""
    since = case.awaiting_answer_since
    return case.moved(
        Trigger.REPLY_FAILED,
        now,
        awaiting_answer_since=min(since, awaited_since) if since else awaited_since,
        words_revision=case.revision + 1,
        asked_revision=case.revision + 1,
    )


def edited(case: Case, now: datetime, *, asks: bool) -> Case:
    """The case after words on it were edited. `asks`: the words as they are now await an answer."""
    after = case.changed(now, words_revision=case.revision + 1)
    return replace(after, asked_revision=after.revision) if asks else after


def words_deleted(case: Case, words: DeletedWords, now: datetime) -> Case:
    """The case after the customer deleted words on it.

    Where unanswered words remain, it awaits an answer since the oldest of them. Where none remain, it awaits none: it is
    closed when nothing else was ever said or answered on it, else the customer is awaited. A case that a person keeps open
    stays open. An answer that failed and had answered no words still wants to be answered by a person.
    """
    since = case.awaiting_answer_since
    common: CaseChanges = {"words_revision": case.revision + 1}
    if since is None or words.accepted_at is None:
        return case.changed(now, **common)
    if words.oldest_unanswered is not None:
        # An answer that failed may await a person for longer than any words.
        is_oldest = since == words.accepted_at
        common["awaiting_answer_since"] = words.oldest_unanswered if is_oldest else since
        return case.changed(now, **common)
    if since < words.accepted_at:
        return case.changed(now, **common)
    common["awaiting_answer_since"] = None
    if case.opened_by_person_at is not None:
        return case.changed(now, **common)
    is_empty = not words.others_answered and not case.replies
    return case.moved(Trigger.ALL_DELETED if is_empty else Trigger.WORDS_DELETED, now, **common)


def interaction_facts(interaction: Interaction, reading: Reading) -> InteractionFacts:
    """An interaction as routing rules may ask about it."""
    return InteractionFacts(
        interaction_id=interaction.interaction_id,
        channel=interaction.channel,
        network=interaction.network,
        account=interaction.account,
        visibility=interaction.visibility,
        speaker=interaction.speaker_key,
        speaker_name=interaction.speaker.name,
        followers=interaction.speaker.followers,
        subject=interaction.content.subject,
        text=interaction.content.text,
        language=interaction.content.language,
        topics=reading.topics,
        department=reading.department,
        tone=reading.tone,
        automation=interaction.automation,
        attachments=len(interaction.attachments),
        occurred_at=interaction.occurred_at,
        accepted_at=interaction.accepted_at,
    )
