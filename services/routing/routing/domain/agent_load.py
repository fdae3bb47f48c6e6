"""How much of their capacity and capacity profiles an agent uses, for people and events."""

from collections import Counter

from pydantic import BaseModel, Field

from antiphon.contracts.agents import AgentFacts
from antiphon.contracts.work import SkillNeed
from antiphon.organisation.agent import Agent
from antiphon.organisation.agent_policy import WHOLE
from antiphon.postgres.query import AnyRow
from routing.domain.configuration.document import Configuration
from routing.domain.matching.eligibility import ProfileLoad


class ProfileUse(BaseModel):
    """How much of a capacity profile an agent uses: `used` of at most `most`."""

    profile: str = Field(description="The profile's id in the configuration.", examples=["phone"])
    name: str = Field(description="The profile's name.", examples=["Phone calls"])
    used: int = Field(description="How many work items count against it now.", examples=[0])
    most: int = Field(description="How many may.", examples=[1])


def profiles_used(configuration: Configuration, agent: Agent, row: AnyRow | None) -> list[ProfileUse]:
    """Returns `profile_loads` for people."""
    return [
        ProfileUse(profile=profile, **load._asdict())
        for profile, load in profile_loads(configuration, agent, row).items()
    ]


def profile_loads(configuration: Configuration, agent: Agent, row: AnyRow | None) -> dict[str, ProfileLoad]:
    """Returns what an agent uses of each capacity profile, by its id. `row` is from `store.agents`; None when the agent has none."""
    profiles = configuration.capacity_profiles
    if not profiles:
        return {}
    held = [
        profile for profiles_of_item in (row.profiles if row else None) or () for profile in profiles_of_item
    ]
    used = Counter([*held, *((row.done if row else None) or ())])
    return {
        one.id: ProfileLoad(one.name, used[one.id], agent.profiles.get(one.id, one.most)) for one in profiles
    }


def shown_load(load: int, capacity: int) -> int:
    """Returns the units held, for people: an agent whose work takes all of an agent holds all of their capacity."""
    return capacity if load >= WHOLE else load


def agent_facts(agent: Agent, presence: str, load: int) -> AgentFacts:
    """Returns an agent as events carry it."""
    return AgentFacts(
        agent_id=agent.id,
        name=agent.name,
        presence=presence,
        skills=[SkillNeed(skill=skill, level=level) for skill, level in agent.skills.items()],
        queues=list(agent.queues),
        capacity=agent.capacity,
        load=shown_load(load, agent.capacity),
    )
