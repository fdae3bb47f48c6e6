"""What more words make of work that is open: it only becomes more urgent, and moves only for a rule of a higher priority. Pure.

The rules are asked about all words that await an answer, together. What they said of fewer words, what steps added while
the work waited, and what a person set is never lowered.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from routing.domain.configuration.step import Step
from routing.domain.decisions.verdict import Verdict
from routing.domain.queues.escalation import Need, need_after


class Placed(Protocol):
    """What of a work item is decided about again: where it is, how urgent it is and what it asks of an agent."""

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
    """What becomes of the work: whether it moves to the verdict's queue, and its values where it is then.

    `is_deferred`: it would move, and an agent has it; it is to go there when it waits again.
    """

    moves: bool
    priority: int
    skills: dict[str, int]
    prefer_skills: dict[str, int]
    labels: list[str]
    is_deferred: bool = False


def redecide(
    work: Placed, found: Verdict, passed: Sequence[Step] = (), *, may_move: bool = True
) -> Redecided | None:
    """What the verdict on all unanswered words changes in work that is open; None when it changes nothing.

    `passed` are the steps of its queue that it has come to: what they no longer ask for is not asked for again. `may_move`
    is false for work that an agent has accepted. What rules have said of its priority before is no news: a person may have
    set another since.
    """
    if not found.informed:
        return None
    labels = list(dict.fromkeys([*work.labels, *found.labels]))
    is_news = found.priority > work.decided_priority
    leaves = found.moves and found.queue != work.queue and is_news and found.priority > work.priority
    if leaves and may_move:
        return Redecided(True, found.priority, found.skills, found.prefer_skills, labels)
    need = Need(work.skills, work.prefer_skills, [], work.priority)
    if found.queue == work.queue:
        asked = Need(found.skills, found.prefer_skills, [], found.priority)
        for step in passed:
            asked = need_after(step, asked)
        need = need._replace(
            skills=_highest(work.skills, asked.skills),
            prefer_skills=_highest(work.prefer_skills, asked.prefer_skills),
        )
    priority = max(work.priority, found.priority) if is_news else work.priority
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
