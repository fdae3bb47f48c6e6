"""How much an agent holds, and of how much, as people and events are shown it."""

from collections import Counter

from pydantic import BaseModel

from antiphon.contracts.agents import (
    AgentFacts,
)
from antiphon.contracts.work import SkillNeed
from antiphon.postgres.query import AnyRow
from routing.domain.configuration.agent import Agent
from routing.domain.configuration.agent_policy import WHOLE
from routing.domain.configuration.document import Configuration
from routing.domain.matching.eligibility import ProfileLoad


class ProfileUse(BaseModel):
    """How much of a capacity profile an agent uses, of how much."""

    profile: str
    name: str
    used: int
    most: int


def profiles_used(configuration: Configuration, agent: Agent, row: AnyRow | None) -> list[ProfileUse]:
    """`profile_loads`, as people are shown them."""
    return [
        ProfileUse(profile=profile, **load._asdict())
        for profile, load in profile_loads(configuration, agent, row).items()
    ]


def profile_loads(configuration: Configuration, agent: Agent, row: AnyRow | None) -> dict[str, ProfileLoad]:
    """What an agent uses of each capacity profile, from their row of `agents` or `available`."""
    profiles = configuration.capacity_profiles
    if not profiles:
        return {}
    held = [profile for one in (row.profiles if row else None) or () for profile in one]
    used = Counter([*held, *((row.done if row else None) or ())])
    return {
        one.id: ProfileLoad(one.name, used[one.id], agent.profiles.get(one.id, one.most)) for one in profiles
    }


def shown_load(load: int, capacity: int) -> int:
    """Units held, as people are told: who has work that takes a whole agent is full."""
    return capacity if load >= WHOLE else load


def agent_facts(agent: Agent, presence: str, load: int) -> AgentFacts:
    """An agent as events tell it."""
    return AgentFacts(
        agent_id=agent.id,
        name=agent.name,
        presence=presence,
        skills=[SkillNeed(skill=skill, level=level) for skill, level in agent.skills.items()],
        queues=agent.queues,
        capacity=agent.capacity,
        load=shown_load(load, agent.capacity),
    )
