"""Whether work and an agent fit, and if not, why: what work needs and takes, what an agent can do and has room for. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID


class Waiting(NamedTuple):
    """A work item that waits, and the agents who declined it or let it pass, with when.

    `preferred` is the agent who is best for it, `prefers` are skills that are better and not needed. It counts against the
    capacity `profiles`; work of no `units` takes nothing of an agent's capacity.
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

    @property
    def queues(self) -> frozenset[str]:
        """The queues whose members are asked."""
        return frozenset({self.queue, *self.also_queues})


class ProfileLoad(NamedTuple):
    """How much of a capacity profile an agent uses, of how much; `name` is the profile's."""

    name: str
    used: int
    most: int


class Candidate(NamedTuple):
    """An agent who is available: what they can do, how much they can still take and how many offers they may be made.

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


def urgency(item: Waiting) -> tuple[datetime, datetime, UUID]:
    """The order of waiting work: by its moment, then who waited longest, the same whoever asks."""
    return item.order_at, item.queued_at, item.work_item_id


class Skilled(Protocol):
    """Who can do something."""

    @property
    def skills(self) -> Mapping[str, int]: ...  # noqa: D102


class WhyNot(StrEnum):
    """What can keep an agent from an item now."""

    PRESENCE = "presence"
    WRAP_UP = "wrap-up"
    QUEUE_CLOSED = "queue-closed"
    OTHER_QUEUE = "other-queue"
    SKILLS = "skills"
    PROFILES = "profiles"
    CAPACITY = "capacity"
    RAMP_UP = "ramp-up"
    REFUSED = "refused"


BUSY = frozenset({WhyNot.WRAP_UP, WhyNot.PROFILES, WhyNot.CAPACITY, WhyNot.RAMP_UP})
"""What passes by itself: the agent can do the work, and has too much else just now."""


class Lack(NamedTuple):
    """A skill that is needed at this level."""

    skill: str
    level: int


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an agent can't take an item now, with what belongs to its kind.

    `presence` is the organisation's id of how they stand; `until` is when wrapping up or the ramp-up ends; `lacks` are the
    skills, `full` the capacity profiles without room.
    """

    kind: WhyNot
    presence: str = ""
    until: datetime | None = None
    lacks: tuple[Lack, ...] = ()
    full: tuple[ProfileLoad, ...] = ()


def in_words(obstacle: Obstacle) -> str:  # noqa: PLR0911 - one kind a line
    """An obstacle, for people. Nothing is decided by these words."""
    match obstacle.kind:
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
    """Capacity profiles without room, with what is used of them, for people."""
    told = [f'"{load.name}": {load.used} of {load.most}' for load in profile_loads]
    return f"no room in {', '.join(told)}"


def missing_skills(item: Waiting, agent: Skilled) -> tuple[Lack, ...]:
    """The skills, with their level, that the item needs and the agent does not have."""
    return tuple(
        Lack(skill, level) for skill, level in item.needs.items() if agent.skills.get(skill, 0) < level
    )


def units_taken(item: Waiting, agent: Candidate) -> int:
    """The units that the item takes of the agent: all they have when it is worth more than that."""
    return max(1, min(item.units, agent.free + agent.load)) if item.units else 0


def exhausted_profiles(profiles: Iterable[str], agent: Candidate) -> tuple[ProfileLoad, ...]:
    """Those of the profiles in which the agent has no room."""
    profile_loads = (agent.profile_loads[profile] for profile in profiles if profile in agent.profile_loads)
    return tuple(load for load in profile_loads if load.used >= load.most)


def why_not(item: Waiting, agent: Candidate) -> Obstacle | None:
    """Why an available agent can't take the item; None when they can."""
    if item.queues.isdisjoint(agent.queues):
        return Obstacle(WhyNot.OTHER_QUEUE)
    if lacks := missing_skills(item, agent):
        return Obstacle(WhyNot.SKILLS, lacks=lacks)
    if profile_loads := exhausted_profiles(item.profiles, agent):
        return Obstacle(WhyNot.PROFILES, full=profile_loads)
    units = units_taken(item, agent)
    return Obstacle(WhyNot.CAPACITY) if units and agent.free < units else None
