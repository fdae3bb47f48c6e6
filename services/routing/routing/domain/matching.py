"""Who gets which work: the most urgent item first, each to the best agent who can take it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID


class Waiting(NamedTuple):
    """A work item that waits, and the agents who declined it or let it pass, with when.

    `preferred` is the agent who is best for it, `prefers` are skills that are better and not needed.
    """

    work_item_id: UUID
    queue: str
    needs: Mapping[str, int]
    due_at: datetime | None
    priority: int
    queued_at: datetime
    refused: Mapping[str, datetime]
    preferred: str | None = None
    prefers: Mapping[str, int] = {}
    units: int = 1
    hold_until: datetime | None = None


class Candidate(NamedTuple):
    """An agent who is available: what they can do and how much they can still take."""

    agent_id: str
    queues: Collection[str]
    skills: Mapping[str, int]
    free: int
    load: int
    idle_since: datetime


def urgency(item: Waiting) -> tuple[bool, float, int, datetime]:
    """The order of waiting work: due soonest first, then priority, then who waited longest."""
    due = item.due_at.timestamp() if item.due_at else 0.0
    return item.due_at is None, due, -item.priority, item.queued_at


def lacking(item: Waiting, agent: Candidate) -> list[str]:
    """The skills, with their level, that the item needs and the agent does not have."""
    return [f"{skill} {level}" for skill, level in item.needs.items() if agent.skills.get(skill, 0) < level]


def taken(item: Waiting, agent: Candidate) -> int:
    """The units that the item takes of the agent: all they have when it is worth more than that."""
    return max(1, min(item.units, agent.free + agent.load))


def held_for(item: Waiting, agents: Iterable[Candidate], free: Mapping[str, int], now: datetime) -> bool:
    """Whether the item still waits for its preferred agent, who is there but has no room now."""
    if item.hold_until is None or item.hold_until <= now or item.preferred in item.refused:
        return False
    return any(a.agent_id == item.preferred and free[a.agent_id] < taken(item, a) for a in agents)


def why_not(item: Waiting, agent: Candidate) -> str | None:
    """Why an available agent can't take the item; None when they can."""
    if item.queue not in agent.queues:
        return "not in this queue"
    if lacks := lacking(item, agent):
        return f"lacks {', '.join(lacks)}"
    return "no capacity" if agent.free < taken(item, agent) else None


def match(
    items: Sequence[Waiting], agents: Sequence[Candidate], now: datetime, again_after: timedelta
) -> list[tuple[UUID, str]]:
    """Pairs of work item and agent; nobody gets more than they have free.

    Who declined an item is not asked again while another can take it; when nobody else can, after `again_after`.
    """
    free = {agent.agent_id: agent.free for agent in agents}
    load = {agent.agent_id: agent.load for agent in agents}
    suited: dict[tuple[str, tuple[tuple[str, int], ...]], list[Candidate]] = {}
    pairs: list[tuple[UUID, str]] = []
    for item in sorted(items, key=urgency):
        asked = item.queue, tuple(item.needs.items())
        if asked not in suited:
            suited[asked] = [a for a in agents if item.queue in a.queues and not lacking(item, a)]
        able = [a for a in suited[asked] if free[a.agent_id] >= taken(item, a)]
        fresh = [a for a in able if a.agent_id not in item.refused]
        # Somebody fresh who is only busy now is worth waiting for.
        others = any(a.agent_id not in item.refused for a in suited[asked])
        again = [] if others else [a for a in able if now - item.refused.get(a.agent_id, now) >= again_after]
        if held_for(item, suited[asked], free, now):
            continue
        if chosen := fresh or again:
            best = min(
                chosen,
                key=lambda a: (
                    a.agent_id != item.preferred,
                    sum(a.skills.get(skill, 0) < level for skill, level in item.prefers.items()),
                    load[a.agent_id],
                    -sum(a.skills.get(skill, 0) for skill in item.needs),
                    a.idle_since,
                    a.agent_id,
                ),
            )
            pairs.append((item.work_item_id, best.agent_id))
            free[best.agent_id] -= taken(item, best)
            load[best.agent_id] += taken(item, best)
    return pairs
