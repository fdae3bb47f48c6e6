"""Steps of a queue: when each is due, and what it does to what work needs. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from routing.domain.configuration.document import Configuration
from routing.domain.configuration.section import shown
from routing.domain.configuration.step import Step
from routing.domain.time.business_calendar import BeyondHorizonError, BusinessCalendar
from routing.domain.work_item import Arrival, OrderAndSteps, WorkItem

MOST_PRIORITY = 100


class EscalationKind(StrEnum):
    """What happened to work since it was queued: a step of its queue, it flowed over, could not stay, or was decided again."""

    STEP = "step"
    OVERFLOW = "overflow"
    MOVED = "moved"
    REDECIDED = "redecided"


class Need(NamedTuple):
    """What work asks of an agent, of which queues' members besides its own, and how urgently."""

    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    also_queues: Sequence[str]
    priority: int


def need_after(step: Step, need: Need) -> Need:
    """What is needed once the step is taken: never more than before, never of fewer."""
    skills = {skill: min(level, step.lower.get(skill, level)) for skill, level in need.skills.items()}
    if step.needs is not None:
        skills = {
            skill: min(level, step.needs[skill]) for skill, level in skills.items() if skill in step.needs
        }
    prefers = {skill: min(level, step.lower.get(skill, level)) for skill, level in need.prefer_skills.items()}
    also = [*need.also_queues]
    if step.add_queue is not None and step.add_queue not in also:
        also.append(step.add_queue)
    return Need(
        {skill: level for skill, level in skills.items() if skill not in step.drop},
        {skill: level for skill, level in prefers.items() if skill not in step.drop},
        also,
        max(need.priority, min(MOST_PRIORITY, need.priority + step.raise_priority)),
    )


def next_step_due(
    configuration: Configuration,
    calendars: Mapping[str, BusinessCalendar],
    queue: str,
    passed: int,
    since: datetime,
) -> datetime | None:
    """When work that waits in the queue `since` then, and has `passed` so many steps, comes to the next; None: never."""
    found = configuration.queues[queue]
    if passed >= len(found.steps):
        return None
    if found.hours is None:
        return since + found.steps[passed].after
    try:
        return calendars[found.hours].add(since, found.steps[passed].after)
    except BeyondHorizonError:
        return None


def order_and_steps(
    configuration: Configuration, calendars: Mapping[str, BusinessCalendar], queue: str, since: datetime
) -> OrderAndSteps:
    """What a work item says of its order and steps when it comes into a queue whose steps count `since` then."""
    found = configuration.queues[queue]
    return {
        "longest_wait": found.longest_wait,
        "head_start": found.head_start,
        "step": 0,
        "steps_from": since,
        "next_step_at": next_step_due(configuration, calendars, queue, 0, since),
        "steps_hash": configuration.steps_hashes[queue],
        "also_queues": [],
    }


def arrival(
    work: WorkItem,
    configuration: Configuration,
    calendars: Mapping[str, BusinessCalendar],
    queue: str,
    now: datetime,
) -> Arrival:
    """What changes in a work item when it comes into a queue that it was not meant for.

    The skills that it needed are only better to have: who works there may know nothing of them.
    """
    return {
        "queue": queue,
        "skills": {},
        "prefer_skills": {**work.prefer_skills, **work.skills},
        "units": configuration.units(work.channel, queue),
        "profiles": configuration.profiles_of(work.channel, queue, work.priority),
        **order_and_steps(configuration, calendars, queue, now),
    }


def step_in_words(step: Step, configuration: Configuration) -> str:
    """What a step does, for people."""
    said = [f"{skill} {level} will do" for skill, level in step.lower.items()]
    if step.needs is not None:
        only = ", ".join(f"{skill} {level}" for skill, level in step.needs.items())
        said.append(f"only {only} is needed" if only else "no skill is needed")
    said += [f"{skill} is no longer asked for" for skill in step.drop]
    if step.add_queue is not None:
        added = configuration.queues.get(step.add_queue)
        said.append(f"{added.name if added else step.add_queue} is asked too")
    if step.raise_priority:
        said.append(f"priority {step.raise_priority} higher")
    return f"after {shown(step.after)}: {'; '.join(said)}"
