"""The steps of a queue: when each is due, and how it relaxes what work requires. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from antiphon.organisation.section import shown
from antiphon.organisation.step import Step
from routing.domain.configuration.document import Configuration
from routing.domain.time.business_calendar import BeyondHorizonError, BusinessCalendar
from routing.domain.work_item import Arrival, OrderAndSteps, WorkItem

MOST_PRIORITY = 100


class EscalationKind(StrEnum):
    """What happened to queued work: a step of its queue was due, it overflowed, its queue was removed, or rules decided it again."""

    STEP = "step"
    OVERFLOW = "overflow"
    MOVED = "moved"
    REDECIDED = "redecided"


class Need(NamedTuple):
    """What work requires of an agent, which other queues' members may be offered it, and its priority."""

    skills: Mapping[str, int]
    prefer_skills: Mapping[str, int]
    also_queues: Sequence[str]
    priority: int


def need_after(step: Step, need: Need) -> Need:
    """Returns what work requires after a step: never more skills, fewer queues or a lower priority than before."""
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
    """Returns when the next step is due for work that waits in the queue `since` and has `passed` so many steps; None: never."""
    section = configuration.queues[queue]
    if passed >= len(section.steps):
        return None
    if section.hours is None:
        return since + section.steps[passed].after
    try:
        return calendars[section.hours].add(since, section.steps[passed].after)
    except BeyondHorizonError:
        return None


def order_and_steps(
    configuration: Configuration, calendars: Mapping[str, BusinessCalendar], queue: str, since: datetime
) -> OrderAndSteps:
    """Returns the order and steps of a work item that comes into a queue, with steps that count from `since`."""
    section = configuration.queues[queue]
    return {
        "longest_wait": section.longest_wait,
        "head_start": section.head_start,
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
    """Returns what changes in a work item when it comes into a queue other than the one its rule names.

    The skills that it required are only preferred there, because the members of that queue may have none of them.
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
    """Returns what a step does, as text for people."""
    effects = [f"{skill} {level} is enough" for skill, level in step.lower.items()]
    if step.needs is not None:
        only = ", ".join(f"{skill} {level}" for skill, level in step.needs.items())
        effects.append(f"only {only} is required" if only else "no skill is required")
    effects += [f"{skill} is no longer required or preferred" for skill in step.drop]
    if step.add_queue is not None:
        added = configuration.queues.get(step.add_queue)
        effects.append(f"members of {added.name if added else step.add_queue} are offered it too")
    if step.raise_priority:
        effects.append(f"priority {step.raise_priority} higher")
    return f"after {shown(step.after)}: {'; '.join(effects)}"
