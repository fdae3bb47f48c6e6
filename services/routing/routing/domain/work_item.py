"""The work item, a case's claim on an agent's attention, as a frozen value. Pure.

Its fields are the columns of its row, except those that the database computes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, TypedDict, Unpack
from uuid import UUID

from antiphon.contracts.work import SkillNeed, WorkFacts, WorkState
from routing.domain.matching.eligibility import Waiting
from routing.domain.matching.queue_order import order_at, overdue_at

NOBODY: Mapping[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class DeferredMove:
    """A move that waits until the agent gives the work back: the queue and skills that later interactions ask for."""

    queue: str
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    overflow: str | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """How a person handed the work on: the agent for whom it waits (None: for nobody), and a note for who gets it.

    `at_once`: that agent has it as soon as they can have any work, without an answer.
    """

    agent_id: str | None
    note: str | None
    at_once: bool = False

    def to_queue(self) -> "HandOver | None":
        """Returns what remains when the work waits for that agent no longer: the note."""
        return HandOver(None, self.note) if self.note else None


class OrderAndSteps(TypedDict):
    """The fields by which a queue orders a work item, and its progress on the queue's steps."""

    longest_wait: timedelta
    head_start: timedelta
    step: int
    steps_from: datetime | None
    next_step_at: datetime | None
    steps_hash: str | None
    also_queues: Sequence[str]


class Arrival(OrderAndSteps):
    """The fields that change when a work item comes into a queue other than the one its rule names."""

    queue: str
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    units: int
    profiles: Sequence[str]


class Changes(TypedDict, total=False):
    """The fields of a work item that can change."""

    state: WorkState
    queue: str
    priority: int
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    labels: Sequence[str]
    due_at: datetime | None
    agent_id: str | None
    preferred: str | None
    attempts: int
    decision_id: UUID
    changed_at: datetime
    completed_at: datetime | None
    completed_by: str | None
    units: int
    profiles: Sequence[str]
    hold_until: datetime | None
    longest_wait: timedelta
    head_start: timedelta
    step: int
    steps_from: datetime | None
    next_step_at: datetime | None
    steps_hash: str | None
    also_queues: Sequence[str]
    overflow: str | None
    decided_priority: int
    decided_queue: str | None
    deferred_move: DeferredMove | None
    subject: str | None
    handover: HandOver | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """A work item. To change it, make another value with `replace`.

    A new work item is queued, has no agent, no offers and no due time. `decided_priority` is the highest priority that rules
    gave it; a later decision raises `priority` only when it exceeds that. `decided_queue` is the queue that rules last asked for
    it: a rule that moves work moves it only to another one, so that it undoes no transfer. `steps_hash` identifies the steps of its
    queue that `next_step_at` was computed by. `revision` grows with every change of the work of its case, also from one item to the
    next.
    """

    work_item_id: UUID
    case_id: UUID
    case_reference: str
    customer_id: UUID
    channel: str
    subject: str | None
    state: WorkState = WorkState.QUEUED
    queue: str
    priority: int
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    labels: Sequence[str]
    queued_at: datetime
    due_at: datetime | None = None
    agent_id: str | None = None
    preferred: str | None = None
    attempts: int = 0
    decision_id: UUID | None
    changed_at: datetime
    completed_at: datetime | None = None
    completed_by: str | None = None
    units: int
    profiles: Sequence[str]
    hold_until: datetime | None = None
    longest_wait: timedelta
    head_start: timedelta
    step: int
    steps_from: datetime | None
    next_step_at: datetime | None
    steps_hash: str | None
    also_queues: Sequence[str]
    overflow: str | None
    decided_priority: int = 0
    decided_queue: str | None = None
    deferred_move: DeferredMove | None = None
    handover: HandOver | None = None
    revision: int = 1

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "WorkItem":
        """Returns the work item of a row that has all columns. Raises ValueError for an unknown state."""
        values = dict(zip(_COLUMNS, _OF_ROW(row), strict=True))
        values["state"] = WorkState(values["state"])
        if values["deferred_move"] is not None:
            values["deferred_move"] = DeferredMove(**values["deferred_move"])
        if values["handover"] is not None:
            values["handover"] = HandOver(**values["handover"])
        return cls(**values)

    def row(self) -> Mapping[str, object]:
        """Returns its row, without the columns that the database computes."""
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values["state"] = self.state.value  # encoding an enum as JSON takes ten times as long
        values["deferred_move"] = dataclasses.asdict(self.deferred_move) if self.deferred_move else None
        values["handover"] = dataclasses.asdict(self.handover) if self.handover else None
        values["order_at"] = self.order_at
        values["overdue_at"] = self.overdue_at
        return values

    def replace(self, **changed: Unpack[Changes]) -> "WorkItem":
        """Returns a copy with these changes."""
        # Takes half the time of `dataclasses.replace`, and runs for each event.
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values.update(changed)
        return WorkItem(**values)

    @property
    def order_at(self) -> datetime:
        """The moment that orders it among waiting work; see `queue_order`."""
        return order_at(self.queued_at, self.due_at, self.priority, self.longest_wait, self.head_start)

    @property
    def overdue_at(self) -> datetime:
        """When it has waited the longest wait of its queue; see `queue_order`."""
        return overdue_at(self.queued_at, self.longest_wait)

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members may be offered it."""
        return frozenset({self.queue, *self.also_queues})

    @property
    def waits(self) -> bool:
        """Whether no agent has accepted it yet."""
        return self.state in {WorkState.QUEUED, WorkState.OFFERED}

    def held_for(self, now: datetime) -> str | None:
        """The agent for whom a person made it wait, and who gets it first; None when it waits for nobody."""
        if self.handover is None or self.hold_until is None or self.hold_until <= now:
            return None
        return self.handover.agent_id

    def facts(self) -> WorkFacts:
        """Returns the work item as events carry it."""
        return WorkFacts(
            work_item_id=self.work_item_id,
            case_id=self.case_id,
            case_reference=self.case_reference,
            customer_id=self.customer_id,
            channel=self.channel,
            state=self.state,
            queue=self.queue,
            priority=self.priority,
            skills=skill_needs(self.skills),
            queued_at=self.queued_at,
            due_at=self.due_at,
            agent_id=self.agent_id,
            attempts=self.attempts,
            labels=[*self.labels],
            step=self.step,
            also_queues=[*self.also_queues],
            revision=self.revision,
        )

    def to_waiting(self, now: datetime, refused: Mapping[str, datetime] = NOBODY) -> Waiting:
        """Returns it as the matching reads it at this time; `refused` has the agents who refused it, and when."""
        is_overdue = self.overdue_at <= now
        return Waiting(
            self.work_item_id, self.queue, self.skills, self.overdue_at if is_overdue else self.order_at, self.queued_at,
            refused, self.preferred, self.prefer_skills, self.units, self.hold_until, tuple(self.also_queues),
            tuple(self.profiles), is_overdue, self.handover.agent_id if self.handover else None,
        )  # fmt: skip


_COLUMNS = tuple(field.name for field in dataclasses.fields(WorkItem))
_OF_ROW, _OF_VALUE = itemgetter(*_COLUMNS), attrgetter(*_COLUMNS)


def skill_needs(skills: Mapping[str, int]) -> list[SkillNeed]:
    """Returns required skills as events carry them."""
    return [SkillNeed(skill=skill, level=level) for skill, level in skills.items()]


def queued_again(
    last: WorkItem,
    work_item_id: UUID,
    queue: str,
    profiles: Sequence[str],
    begins: OrderAndSteps,
    now: datetime,
) -> WorkItem:
    """Returns a new work item with what rules decided about `last`, at the first step of `queue`."""
    return WorkItem(
        work_item_id=work_item_id,
        case_id=last.case_id,
        case_reference=last.case_reference,
        customer_id=last.customer_id,
        channel=last.channel,
        subject=last.subject,
        queue=queue,
        priority=last.priority,
        skills=last.skills,
        prefer_skills=last.prefer_skills,
        labels=last.labels,
        queued_at=last.queued_at,
        due_at=last.due_at,
        preferred=last.preferred,
        decision_id=last.decision_id,
        changed_at=now,
        units=last.units,
        profiles=profiles,
        overflow=last.overflow,
        decided_priority=last.decided_priority,
        decided_queue=last.decided_queue,
        revision=last.revision + 1,
        **begins,
    )
