"""A work item, a case's claim on an agent's attention, as a value. Pure.

The fields are the columns of its row, without what is computed: its place among what waits follows from them, and the
database reads from them what it needs of an agent.
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
from routing.domain.matching.queue_order import order_at

NOBODY: Mapping[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class DeferredMove:
    """Where words that came while an agent had the work would have put it: it goes there when it waits again."""

    queue: str
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    overflow: str | None


class OrderAndSteps(TypedDict):
    """What of a work item says how its queue orders it and how far it has come on the queue's steps."""

    longest_wait: timedelta
    head_start: timedelta
    step: int
    steps_from: datetime | None
    next_step_at: datetime | None
    steps_hash: str | None
    also_queues: Sequence[str]


class Arrival(OrderAndSteps):
    """What of a work item is another when it comes into a queue that it was not meant for."""

    queue: str
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    units: int
    profiles: Sequence[str]


class Changes(TypedDict, total=False):
    """What of a work item can change."""

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
    deferred_move: DeferredMove | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """A work item as it stands. Whoever changes it has another value.

    A new one waits, nobody has it or was asked, and nothing is known of when it is due. `decided_priority` is the highest
    that rules have said of it: only words that say more make it more urgent, whatever became of `priority` since.
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
    decision_id: UUID
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
    deferred_move: DeferredMove | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "WorkItem":
        """That of a row with all columns."""
        values = dict(zip(_COLUMNS, _OF_ROW(row), strict=True))
        values["state"] = WorkState(values["state"])
        if values["deferred_move"] is not None:
            values["deferred_move"] = DeferredMove(**values["deferred_move"])
        return cls(**values)

    def row(self) -> Mapping[str, object]:
        """Its row, without what the database computes."""
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values["state"] = self.state.value  # JSON of an enum takes ten times as long
        values["deferred_move"] = dataclasses.asdict(self.deferred_move) if self.deferred_move else None
        values["order_at"] = self.order_at
        return values

    def replace(self, **changed: Unpack[Changes]) -> "WorkItem":
        """It with these changes."""
        # `dataclasses.replace`, in half of its time: this runs for each event.
        values = dict(zip(_COLUMNS, _OF_VALUE(self), strict=True))
        values.update(changed)
        return WorkItem(**values)

    @property
    def order_at(self) -> datetime:
        """The moment by which it is ordered among what waits: its due time and priority make it."""
        return order_at(self.queued_at, self.due_at, self.priority, self.longest_wait, self.head_start)

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members are asked."""
        return frozenset({self.queue, *self.also_queues})

    @property
    def waits(self) -> bool:
        """Whether nobody has accepted it yet."""
        return self.state in {WorkState.QUEUED, WorkState.OFFERED}

    def facts(self) -> WorkFacts:
        """It as events tell it."""
        return WorkFacts(
            work_item_id=self.work_item_id,
            case_id=self.case_id,
            case_reference=self.case_reference,
            customer_id=self.customer_id,
            channel=self.channel,
            state=self.state,
            queue=self.queue,
            priority=self.priority,
            skills=[SkillNeed(skill=skill, level=level) for skill, level in self.skills.items()],
            queued_at=self.queued_at,
            due_at=self.due_at,
            agent_id=self.agent_id,
            attempts=self.attempts,
            labels=[*self.labels],
            step=self.step,
            also_queues=[*self.also_queues],
        )

    def to_waiting(self, refused: Mapping[str, datetime] = NOBODY) -> Waiting:
        """It as the matching sees it, with who `refused` it and when."""
        return Waiting(
            self.work_item_id, self.queue, self.skills, self.order_at, self.queued_at, refused, self.preferred,
            self.prefer_skills, self.units, self.hold_until, tuple(self.also_queues), tuple(self.profiles),
        )  # fmt: skip


_COLUMNS = tuple(field.name for field in dataclasses.fields(WorkItem))
_OF_ROW, _OF_VALUE = itemgetter(*_COLUMNS), attrgetter(*_COLUMNS)


def queued_again(
    last: WorkItem,
    work_item_id: UUID,
    queue: str,
    profiles: Sequence[str],
    begins: OrderAndSteps,
    now: datetime,
) -> WorkItem:
    """A new work item that waits as another did last, in a queue whose steps it begins."""
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
        **begins,
    )
