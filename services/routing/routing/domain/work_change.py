"""What a live change of work says, and whom it concerns. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from routing.domain.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class WorkChange:
    """A work item after a change: all fields of it that change, and what a list needs to show a new one.

    No words of the customer: the change log is kept apart from them.
    """

    case_id: UUID
    case_reference: str
    channel: str
    state: str
    queue: str
    also_queues: Sequence[str]
    priority: int
    due_at: datetime | None
    agent_id: str | None
    attempts: int
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    labels: Sequence[str]
    step: int
    queued_at: datetime
    changed_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, work: WorkItem) -> "WorkChange":
        """The change that made the work item what it is."""
        return cls(
            work.case_id, work.case_reference, work.channel, work.state.value, work.queue, work.also_queues,
            work.priority, work.due_at, work.agent_id, work.attempts, work.skills, work.prefer_skills, work.labels,
            work.step, work.queued_at, work.changed_at, work.completed_at,
        )  # fmt: skip

    def row(self) -> dict[str, object]:
        """The fields by their names."""
        return {name: getattr(self, name) for name in self.__slots__}


def audience(before: WorkItem | None, after: WorkItem) -> list[str]:
    """Whom a change concerns: the queues that had or have the work, and the agents who were or are offered it or have it."""
    items = [work for work in (before, after) if work is not None]
    queues = {queue for work in items for queue in work.queues}
    agents = {work.agent_id for work in items if work.agent_id is not None}
    return [*(f"queue:{queue}" for queue in sorted(queues)), *(f"agent:{agent}" for agent in sorted(agents))]
