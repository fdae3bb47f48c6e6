"""A case and its work as values: what customers, agents and events do to them by the decisions of case-mgmt and routing."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from antiphon.contracts.base import Actor
from antiphon.contracts.cases import (
    CaseEvent,
    CaseFacts,
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatus,
    CaseStatusChanged,
    StatusTrigger,
    ThreadedBy,
)
from antiphon.contracts.work import WorkState
from case_mgmt.domain.cases import (
    Case,
    DeletedWords,
    answer_requested,
    edited,
    interaction_facts,
    joined,
    opened,
    reply_failed,
    set_by_person,
    words_deleted,
)
from case_mgmt.domain.states import SETTERS, TRANSITIONS, Trigger
from routing.domain import work_acts
from routing.domain.case_record import CaseRecord
from routing.domain.case_transition import WorkChange, after_dismissal, after_event
from routing.domain.work_item import WorkItem
from tests.support.cases import NOW, RATES, customer, interaction

ELENA, SAM = Actor(kind="agent", id="elena"), Actor(kind="supervisor", id="sam")
SECOND = timedelta(seconds=1)
_OPEN = frozenset({WorkState.QUEUED, WorkState.OFFERED, WorkState.ACCEPTED})


def new_work(facts: CaseFacts, revision: int) -> WorkItem:
    """Work as routing makes it, in the only queue."""
    return WorkItem(
        work_item_id=uuid4(), case_id=facts.case_id, case_reference=facts.reference,
        customer_id=facts.customer.customer_id, channel="email", subject=None, queue="rates", priority=50, skills={},
        prefer_skills={}, labels=[], queued_at=NOW, decision_id=None, changed_at=NOW, units=1, profiles=[],
        longest_wait=timedelta(days=1), head_start=timedelta(minutes=1), step=0, steps_from=None, next_step_at=None,
        steps_hash=None, also_queues=[], overflow=None, revision=revision,
    )  # fmt: skip


class CaseWorld:
    """A case of case-mgmt, the events of it that are under way, and routing's record and work of it."""

    def __init__(self, number: int = 1, now: datetime = NOW) -> None:
        self.first = interaction(accepted_at=now)
        self.now: datetime = now
        self.case: Case = opened(UUID(int=number), number, self.first, customer(), RATES, None, now)
        self.words: dict[UUID, datetime] = {self.first.interaction_id: now}
        self.answered: dict[UUID, datetime] = {}
        self.under_way: list[CaseEvent] = []
        self.record = CaseRecord(
            case_id=self.case.case_id, revision=0, last_agent=None, last_at=None, awaiting_since=None, answers=(),
            awaits=False, dismissed=None, reference=None, customer_id=None, asked_revision=0,
        )  # fmt: skip
        self.work: WorkItem | None = None
        self.completed = 0
        spoken = interaction_facts(self.first, RATES)
        self.opened = CaseOpened(case=self.case.facts(), interaction=spoken)
        self.deliver(self.opened)

    @property
    def open_work(self) -> WorkItem | None:
        """The open work item, if there is one."""
        return self.work if self.work is not None and self.work.state in _OPEN else None

    @property
    def lacks_work(self) -> bool:
        """Whether the copy of the work that case-mgmt keeps is completed."""
        return self.work is not None and self.open_work is None

    def deliver(self, event: CaseEvent) -> None:
        """Routing reads an event."""
        facts = event.case
        transition = after_event(self.record, facts, has_work=self.open_work is not None)
        if transition is None:
            return
        self.record = transition.record
        if transition.work is WorkChange.NEW:
            self.work = new_work(facts, self.work.revision + 1 if self.work else 1)
        elif transition.work is WorkChange.COMPLETE:
            self._complete(SAM)

    def act(self, name: str) -> bool:
        """Somebody acts; False where that is not possible now."""
        self.now += SECOND
        return ACTS[name](self)

    def publish(self, case: Case, event: CaseEvent) -> bool:
        """Case-mgmt changes the case; the event of that is under way."""
        self.case = case
        self.under_way.append(event)
        return True

    def move(self, after: Case, trigger: StatusTrigger, by: Actor = SAM) -> bool:
        """Case-mgmt changes the status of the case."""
        facts, before = after.facts(), self.case.status
        return self.publish(
            after, CaseStatusChanged(case=facts, previous=before, by=by, trigger=trigger, reason="by hand")
        )

    def put(self, changed: work_acts.Changes) -> bool:
        """Routing changes the open work."""
        assert self.work is not None
        changed["revision"] = self.work.revision + 1
        self.work = self.work.replace(**changed)
        return True

    def _complete(self, by: Actor) -> None:
        assert self.work is not None
        self.put(work_acts.completed(self.work, by, self.now))
        self.completed += 1

    def write(self) -> bool:
        spoken = interaction(accepted_at=self.now)
        self.words[spoken.interaction_id] = self.now
        after = joined(self.case, spoken, customer(), RATES, self.now)
        words = interaction_facts(spoken, RATES)
        event = CaseInteractionAdded(case=after.facts(), interaction=words, threaded_by=ThreadedBy.OPEN_CASE)
        return self.publish(after, event)

    def edit(self) -> bool:
        if not self.words:
            return False
        after = edited(self.case, self.now, asks=True)
        words = interaction_facts(self.first, RATES)
        return self.publish(after, CaseInteractionEdited(case=after.facts(), interaction=words))

    def delete(self, *, newest: bool) -> bool:
        if not self.words:
            return False
        gone = list(self.words)[-1 if newest else 0]
        at = self.words.pop(gone)
        oldest = min(self.words.values(), default=None)
        after = words_deleted(self.case, DeletedWords(at, oldest, bool(self.answered)), self.now)
        return self.publish(after, CaseInteractionDeleted(case=after.facts(), interaction_id=gone))

    def answer(self, status: str) -> bool:
        self.answered |= self.words
        self.words = {}
        after = answer_requested(self.case, status, self.now, lacks_work=self.lacks_work)
        return self.move(after, StatusTrigger.REPLY_REQUESTED, ELENA)

    def fail(self) -> bool:
        if not self.answered:
            return False
        self.words, self.answered = self.answered | self.words, {}
        after = reply_failed(self.case, min(self.words.values()), self.now)
        return self.move(after, StatusTrigger.REPLY_FAILED)

    def set_status(self, status: str, queue: str | None = None) -> bool:
        lacks = self.lacks_work and status == "open" and self.case.status in {"new", "open"}
        if not lacks and (CaseStatus(self.case.status), SETTERS[status]) not in TRANSITIONS:
            return False
        after = set_by_person(self.case, status, queue, self.now, lacks_work=lacks)
        if after.awaiting_answer_since is None:
            self.answered |= self.words
            self.words = {}
        return self.move(after, StatusTrigger.SET_BY_PERSON)

    def accept(self, agent: str = "elena") -> bool:
        """An agent accepts the work: the echo, which opens a new case, is under way."""
        if self.open_work is None or self.open_work.state == WorkState.ACCEPTED:
            return False
        self.put(work_acts.offered(self.open_work, agent))
        self.put(work_acts.accepted())
        return self.echo()

    def assign(self) -> bool:
        if self.open_work is None:
            return False
        self.put(work_acts.handed_over("knows the case"))
        return self.accept("bruno")

    def take_back(self) -> bool:
        if self.open_work is None or self.open_work.state == WorkState.QUEUED:
            return False
        return self.put(work_acts.queued())

    def transfer(self) -> bool:
        return self.put(work_acts.handed_over("a note")) if self.open_work is not None else False

    def dismiss(self, by: Actor, *, theirs: bool) -> bool:
        if self.open_work is None or (theirs and self.open_work.agent_id != by.id):
            return False
        self._complete(by)
        self.record = after_dismissal(self.record, "resolved by phone")
        return True

    def echo(self) -> bool:
        """Case-mgmt reads that an agent accepted the work."""
        if (CaseStatus(self.case.status), Trigger.WORK_ACCEPTED) in TRANSITIONS:
            self.move(self.case.moved(Trigger.WORK_ACCEPTED, self.now), StatusTrigger.WORK_ACCEPTED, ELENA)
        return True


ACTS: Mapping[str, Callable[[CaseWorld], bool]] = {
    "accept": CaseWorld.accept,
    "auto-accept": partial(CaseWorld.accept, agent="farid"),
    "assign": CaseWorld.assign,
    "take back": CaseWorld.take_back,
    "transfer": CaseWorld.transfer,
    "complete": partial(CaseWorld.dismiss, by=ELENA, theirs=True),
    "dismiss": partial(CaseWorld.dismiss, by=SAM, theirs=False),
    "answer": partial(CaseWorld.answer, status="pending"),
    "answer and leave open": partial(CaseWorld.answer, status="open"),
    "answer fails": CaseWorld.fail,
    "set open": partial(CaseWorld.set_status, status="open"),
    "set pending": partial(CaseWorld.set_status, status="pending"),
    "set resolved": partial(CaseWorld.set_status, status="resolved"),
    "set closed": partial(CaseWorld.set_status, status="closed"),
    "delete oldest": partial(CaseWorld.delete, newest=False),
    "delete newest": partial(CaseWorld.delete, newest=True),
    "edit": CaseWorld.edit,
    "write": CaseWorld.write,
}
