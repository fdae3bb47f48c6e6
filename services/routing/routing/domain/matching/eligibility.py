"""Whether an agent can take a work item, and if not, why: queues, skills, capacity and capacity profiles. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from antiphon.organisation.agent import Away, AwayKind


class Waiting(NamedTuple):
    """A waiting work item as the matching reads it. `refused` has the agents who refused it, and when.

    `is_overdue`: it has waited the longest wait of its queue, and `order_at` is when it had; else that is its moment in the
    order. `preferred` is the agent who gets it first; `prefers` are skills that are an advantage and not required. It counts against
    the capacity `profiles`; work of no `units` takes no capacity. A person handed it to `handed_to`, for whom alone it waits until
    `hold_until`.
    """

    work_item_id: UUID
    queue: str
    needs: Mapping[str, int]
    order_at: datetime
    queued_at: datetime
    refused: Mapping[str, datetime]
    preferred: str | None = None
    prefers: Mapping[str, int] = {}
    units: int = 1
    hold_until: datetime | None = None
    also_queues: Collection[str] = ()
    profiles: tuple[str, ...] = ()
    is_overdue: bool = False
    handed_to: str | None = None

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members may be offered it."""
        return frozenset({self.queue, *self.also_queues})


class ProfileLoad(NamedTuple):
    """How much of a capacity profile an agent uses: `used` of at most `most`; `name` is the profile's."""

    name: str
    used: int
    most: int


class Candidate(NamedTuple):
    """An available agent: their queues and skills, their `free` units, their `load`, and how many more `offers` they may get.

    `zero_unit` is how many items of no units they hold, `profile_loads` what they use of each capacity profile.
    """

    agent_id: str
    queues: Collection[str]
    skills: Mapping[str, int]
    free: int
    load: int
    idle_since: datetime
    offers: int = 1_000_000
    zero_unit: int = 0
    profile_loads: Mapping[str, ProfileLoad] = {}


Urgency = tuple[bool, datetime, datetime, UUID]


def urgency(item: Waiting) -> Urgency:
    """The sort key of waiting work: what is overdue, its moment, the longest wait, then the id, so that the order is total."""
    return not item.is_overdue, item.order_at, item.queued_at, item.work_item_id


class Skilled(Protocol):
    """Anything with skills and their levels."""

    @property
    def skills(self) -> Mapping[str, int]: ...  # noqa: D102


class WhyNot(StrEnum):
    """The reasons why an agent can't take an item now."""

    ABSENT = "absent"
    OUTSIDE_SHIFT = "outside-shift"
    PRESENCE = "presence"
    WRAP_UP = "wrap-up"
    QUEUE_CLOSED = "queue-closed"
    OTHER_QUEUE = "other-queue"
    SKILLS = "skills"
    PROFILES = "profiles"
    CAPACITY = "capacity"
    RAMP_UP = "ramp-up"
    REFUSED = "refused"


NOT_THERE = frozenset({WhyNot.ABSENT, WhyNot.OUTSIDE_SHIFT, WhyNot.PRESENCE})
"""The reasons why an agent is offered nothing, whatever the work."""
BUSY = frozenset({WhyNot.WRAP_UP, WhyNot.PROFILES, WhyNot.CAPACITY, WhyNot.RAMP_UP})
"""The reasons that end by themselves: the agent can do the work and is busy now."""


class Lack(NamedTuple):
    """A required skill, with its level, that an agent lacks."""

    skill: str
    level: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an agent can't take an item now, with the details of its kind.

    `presence` is the id of their presence; `away` says until when they are absent or outside their shift; `until` is when the
    wrap-up or the ramp-up ends; `lacks` are the missing skills, `full` the capacity profiles without free capacity.
    """

    kind: WhyNot
    presence: str = ""
    away: Away | None = None
    until: datetime | None = None
    lacks: tuple[Lack, ...] = ()
    full: tuple[ProfileLoad, ...] = ()


def not_there(away: Away) -> Obstacle:
    """Returns that an agent is absent or outside their shift as the reason why they are offered nothing."""
    kind = {AwayKind.ABSENT: WhyNot.ABSENT, AwayKind.OUTSIDE_SHIFT: WhyNot.OUTSIDE_SHIFT}[away.kind]
    return Obstacle(kind, away=away)


def in_words(obstacle: Obstacle) -> str:  # noqa: C901, PLR0911 - one kind a line
    """Returns an obstacle as text for people."""
    match obstacle.kind:
        case WhyNot.ABSENT | WhyNot.OUTSIDE_SHIFT:
            return obstacle.away.because if obstacle.away else obstacle.kind.value
        case WhyNot.PRESENCE:
            return obstacle.presence
        case WhyNot.WRAP_UP:
            return f"wraps up until {obstacle.until:%H:%M:%S}"
        case WhyNot.QUEUE_CLOSED:
            return "their queue is not open"
        case WhyNot.OTHER_QUEUE:
            return "not in this queue"
        case WhyNot.SKILLS:
            return f"lacks {', '.join(f'{skill} {level}' for skill, level in obstacle.lacks)}"
        case WhyNot.PROFILES:
            return f"has {profiles_in_words(obstacle.full)}"
        case WhyNot.CAPACITY:
            return "no capacity"
        case WhyNot.RAMP_UP:
            return f"ramps up until {obstacle.until:%H:%M:%S}: offered little at a time after a long absence"
        case WhyNot.REFUSED:
            return "declined it, let it pass or lost it again: others are asked first"


def profiles_in_words(profile_loads: Iterable[ProfileLoad]) -> str:
    """Returns capacity profiles without free capacity, with what is used of each, as text for people."""
    texts = [f'"{load.name}": {load.used} of {load.most}' for load in profile_loads]
    return f"no free capacity in {', '.join(texts)}"


def missing_skills(item: Waiting, agent: Skilled) -> tuple[Lack, ...]:
    """Returns the skills that the item requires and the agent does not have at that level."""
    return tuple(
        Lack(skill, level) for skill, level in item.needs.items() if agent.skills.get(skill, 0) < level
    )


def units_taken(item: Waiting, agent: Candidate) -> int:
    """Returns the units that the item takes of the agent: at most all of the agent's capacity."""
    return max(1, min(item.units, agent.free + agent.load)) if item.units else 0


def exhausted_profiles(profiles: Iterable[str], agent: Candidate) -> tuple[ProfileLoad, ...]:
    """Returns those of the profiles in which the agent has no free capacity."""
    profile_loads = (agent.profile_loads[profile] for profile in profiles if profile in agent.profile_loads)
    return tuple(load for load in profile_loads if load.used >= load.most)


def why_not(item: Waiting, agent: Candidate) -> Obstacle | None:
    """Returns why an available agent can't take the item; None when they can."""
    if item.queues.isdisjoint(agent.queues):
        return Obstacle(WhyNot.OTHER_QUEUE)
    if lacks := missing_skills(item, agent):
        return Obstacle(WhyNot.SKILLS, lacks=lacks)
    return lacks_capacity(item, agent)


def lacks_capacity(item: Waiting, agent: Candidate) -> Obstacle | None:
    """Returns why an available agent has no capacity for the item, whatever their queues and skills; None when they have."""
    if profile_loads := exhausted_profiles(item.profiles, agent):
        return Obstacle(WhyNot.PROFILES, full=profile_loads)
    units = units_taken(item, agent)
    return Obstacle(WhyNot.CAPACITY) if units and agent.free < units else None
