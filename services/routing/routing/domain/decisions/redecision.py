"""What later interactions change in open work: it only becomes more urgent, and moves only to a higher priority. Pure.

The rules are evaluated on all interactions that await an answer, together. Nothing that earlier decisions, steps or people
set is lowered.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from antiphon.organisation.step import Step
from routing.domain.decisions.verdict import Verdict
from routing.domain.queues.escalation import Need, need_after


class Placed(Protocol):
    """What a redecision reads of a work item: its queue, its priority, and what it requires of an agent."""

    @property
    def queue(self) -> str: ...  # noqa: D102

    @property
    def priority(self) -> int: ...  # noqa: D102

    @property
    def skills(self) -> Mapping[str, int]: ...  # noqa: D102

    @property
    def prefer_skills(self) -> Mapping[str, int]: ...  # noqa: D102

    @property
    def labels(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def decided_priority(self) -> int: ...  # noqa: D102


class Redecided(NamedTuple):
    """What changes in the work: whether it moves to the verdict's queue, and its values there or where it stays.

    `is_deferred`: it would move, but an agent has accepted it; it moves when it is queued again.
    """

    moves: bool
    priority: int
    skills: dict[str, int]
    prefer_skills: dict[str, int]
    labels: list[str]
    is_deferred: bool = False


def redecide(
    work: Placed, verdict: Verdict, passed: Sequence[Step] = (), *, may_move: bool = True
) -> Redecided | None:
    """Returns what the verdict on all unanswered interactions changes in open work; None when it changes nothing.

    `passed` are the steps of its queue that were due: what they dropped is not required again. `may_move` is false for work
    that an agent has accepted. A priority that rules gave before changes nothing, because a person may have set another since.
    """
    if not verdict.informed:
        return None
    labels = list(dict.fromkeys([*work.labels, *verdict.labels]))
    is_higher = verdict.priority > work.decided_priority
    leaves = verdict.moves and verdict.queue != work.queue and is_higher and verdict.priority > work.priority
    if leaves and may_move:
        return Redecided(True, verdict.priority, verdict.skills, verdict.prefer_skills, labels)
    need = Need(work.skills, work.prefer_skills, [], work.priority)
    if verdict.queue == work.queue:
        asked = Need(verdict.skills, verdict.prefer_skills, [], verdict.priority)
        for step in passed:
            asked = need_after(step, asked)
        need = need._replace(
            skills=_highest(work.skills, asked.skills),
            prefer_skills=_highest(work.prefer_skills, asked.prefer_skills),
        )
    priority = max(work.priority, verdict.priority) if is_higher else work.priority
    after = Redecided(False, priority, dict(need.skills), dict(need.prefer_skills), labels, leaves)
    same = (after.priority, after.skills, after.prefer_skills, after.labels) == (
        work.priority, dict(work.skills), dict(work.prefer_skills), [*work.labels],
    )  # fmt: skip
    return None if same else after


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {
        skill: max(one.get(skill, 0), other.get(skill, 0))
        for skill in [*one, *(o for o in other if o not in one)]
    }
