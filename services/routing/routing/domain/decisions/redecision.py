"""What later interactions change in open work: it only becomes more urgent, and moves only where a rule says so. Pure.

The rules are evaluated on all interactions that await an answer, together. Nothing that earlier decisions, steps or people
set is lowered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from antiphon.organisation.step import Step
from routing.domain.configuration.document import Configuration
from routing.domain.decisions.verdict import Moves, Verdict
from routing.domain.queues.escalation import Need, need_after
from routing.domain.work_item import WorkItem


class WorkBefore(NamedTuple):
    """Open work before a redecision: what it reads, and when the work is due. Routing records it with the decision.

    `step` is how many steps of its queue it has passed; `is_accepted`: an agent has it, or a person handed it to an agent for
    whom it waits, so it does not move. `deferred_queue` is the queue to which earlier later words move it after that.
    """

    queue: str
    priority: int
    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    labels: Sequence[str]
    decided_priority: int
    decided_queue: str | None
    step: int = 0
    is_accepted: bool = False
    due_at: datetime | None = None
    deferred_queue: str | None = None

    @classmethod
    def of(cls, work: WorkItem, now: datetime) -> "WorkBefore":
        """Returns the values of a work item at this time."""
        is_accepted = not work.waits or work.held_for(now) is not None
        deferred_queue = work.deferred_move.queue if work.deferred_move else None
        return cls(
            work.queue, work.priority, work.skills, work.prefer_skills, work.labels, work.decided_priority,
            work.decided_queue, work.step, is_accepted, work.due_at, deferred_queue,
        )  # fmt: skip


class Redecided(NamedTuple):
    """What changes in the work: whether it moves to the verdict's queue, and its values there or where it stays.

    `is_deferred`: it would move, but an agent has it or it waits for one; it moves when it waits for anybody again.
    `ends_deferral`: an earlier decision deferred a move, and all words together ask for the queue where the work is.
    """

    moves: bool
    priority: int
    skills: dict[str, int]
    prefer_skills: dict[str, int]
    labels: list[str]
    is_deferred: bool = False
    ends_deferral: bool = False


def redecide(
    work: WorkBefore, verdict: Verdict, passed: Sequence[Step] = (), *, may_move: bool = True
) -> Redecided | None:
    """Returns what the verdict on all unanswered interactions changes in open work; None when it changes nothing.

    `passed` are the steps of its queue that were due: what they dropped is not required again. `may_move` is false for work
    that an agent has accepted, or that waits for one. A priority and a queue that rules gave before change nothing, because a person may have set
    others since.
    """
    if not verdict.informed:
        return None
    labels = list(dict.fromkeys([*work.labels, *verdict.labels]))
    is_higher = verdict.priority > work.decided_priority
    priority = max(work.priority, verdict.priority) if is_higher else work.priority
    leaves = verdict.queue != work.queue and _may_leave(work, verdict)
    if leaves and may_move:
        return Redecided(True, priority, verdict.skills, verdict.prefer_skills, labels)
    need = Need(work.skills, work.prefer_skills, [], work.priority)
    if verdict.queue == work.queue:
        asked = Need(verdict.skills, verdict.prefer_skills, [], verdict.priority)
        for step in passed:
            asked = need_after(step, asked)
        need = need._replace(
            skills=_highest(work.skills, asked.skills),
            prefer_skills=_highest(work.prefer_skills, asked.prefer_skills),
        )
    ends_deferral = work.deferred_queue is not None and verdict.queue == work.queue
    after = Redecided(
        False, priority, dict(need.skills), dict(need.prefer_skills), labels, leaves, ends_deferral
    )
    return after if leaves or ends_deferral or changes(work, after) else None


def changes(work: WorkBefore, after: Redecided) -> bool:
    """Whether a redecision that moves nothing changes a value of the work."""
    return (after.priority, after.skills, after.prefer_skills, after.labels) != (
        work.priority, dict(work.skills), dict(work.prefer_skills), [*work.labels],
    )  # fmt: skip


def redecide_by(configuration: Configuration, work: WorkBefore, verdict: Verdict) -> Redecided | None:
    """Returns what `redecide` does, with the steps that the work has passed in its queue of this configuration."""
    queue = configuration.queues.get(work.queue)
    passed = queue.steps[: work.step] if queue else ()
    return redecide(work, verdict, passed, may_move=not work.is_accepted)


def outcome(work: WorkBefore, verdict: Verdict, after: Redecided | None) -> dict[str, object]:
    """Returns the values of the work after a redecision, by name: routing stores them, and trials compare them.

    `queue` is the one that the rules name, also where it overflows. `deferred_to` is the queue to which accepted work moves
    when it waits again.
    """
    kept = after or work
    return {
        "queue": verdict.queue if after is not None and after.moves else work.queue,
        "priority": kept.priority,
        "skills": dict(kept.skills),
        "prefer_skills": dict(kept.prefer_skills),
        "labels": [*kept.labels],
        "deferred_to": verdict.queue if after is not None and after.is_deferred else None,
    }


def _may_leave(work: WorkBefore, verdict: Verdict) -> bool:
    is_higher = verdict.priority > work.decided_priority and verdict.priority > work.priority
    match verdict.moves:
        case Moves.NEVER:
            return False
        case Moves.TO_HIGHER:
            return is_higher
        case Moves.TO_ANY:
            return is_higher or verdict.queue != work.decided_queue


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {
        skill: max(one.get(skill, 0), other.get(skill, 0))
        for skill in [*one, *(o for o in other if o not in one)]
    }
