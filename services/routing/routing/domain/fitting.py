"""Whether work and an agent fit: what work needs and takes, what an agent can do and has room for. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
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


class Room(NamedTuple):
    """How much of a capacity profile an agent uses, of how much; `name` is the profile's."""

    name: str
    used: int
    most: int


class Candidate(NamedTuple):
    """An agent who is available: what they can do, how much they can still take and how many offers they may be made.

    `light` is how many items of no units they hold, `rooms` what they use of each capacity profile.
    """

    agent_id: str
    queues: Collection[str]
    skills: Mapping[str, int]
    free: int
    load: int
    idle_since: datetime
    offers: int = 1_000_000
    light: int = 0
    rooms: Mapping[str, Room] = {}


def urgency(item: Waiting) -> tuple[datetime, datetime, UUID]:
    """The order of waiting work: by its moment, then who waited longest, the same whoever asks."""
    return item.order_at, item.queued_at, item.work_item_id


class Skilled(Protocol):
    """Who can do something."""

    @property
    def skills(self) -> Mapping[str, int]: ...  # noqa: D102


def lacking(item: Waiting, agent: Skilled) -> list[str]:
    """The skills, with their level, that the item needs and the agent does not have."""
    return [f"{skill} {level}" for skill, level in item.needs.items() if agent.skills.get(skill, 0) < level]


def taken(item: Waiting, agent: Candidate) -> int:
    """The units that the item takes of the agent: all they have when it is worth more than that."""
    return max(1, min(item.units, agent.free + agent.load)) if item.units else 0


def full(profiles: Iterable[str], agent: Candidate) -> str | None:
    """In which of the profiles the agent has no room, with what they use of it; None when they have some in all."""
    rooms = [agent.rooms[profile] for profile in profiles if profile in agent.rooms]
    without = [f'"{room.name}": {room.used} of {room.most}' for room in rooms if room.used >= room.most]
    return f"no room in {', '.join(without)}" if without else None


def why_not(item: Waiting, agent: Candidate) -> str | None:
    """Why an available agent can't take the item; None when they can."""
    if item.queues.isdisjoint(agent.queues):
        return "not in this queue"
    if lacks := lacking(item, agent):
        return f"lacks {', '.join(lacks)}"
    if told := full(item.profiles, agent):
        return f"has {told}"
    units = taken(item, agent)
    return "no capacity" if units and agent.free < units else None
