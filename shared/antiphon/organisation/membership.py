"""Membership: which agents work for a queue, by name or by skills."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from pydantic import BeforeValidator, Field

from antiphon.organisation.section import Level, Section

Skills = Annotated[dict[str, Level], Field(min_length=1)]


def _alternatives(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Members(Section):
    """Members of a queue, besides the agents who name it: `agents`, and all who have every skill of one of the sets."""

    agents: list[str] = []
    skills: Annotated[
        list[Skills], BeforeValidator(_alternatives, json_schema_input_type=Skills | list[Skills])
    ] = []

    def include(self, agent_id: str, skills: Mapping[str, int]) -> bool:
        """Whether an agent with these skills is a member."""
        return agent_id in self.agents or any(
            all(skills.get(skill, 0) >= level for skill, level in wanted.items()) for wanted in self.skills
        )


class HasMembers(Protocol):
    """Anything that has members."""

    @property
    def members(self) -> Members: ...  # noqa: D102


def queues_of(
    agent_id: str, named: Sequence[str], skills: Mapping[str, int], queues: Mapping[str, HasMembers]
) -> list[str]:
    """Returns the queues that an agent is a member of: those that they name, then those whose members include them."""
    joined = [key for key, queue in queues.items() if queue.members.include(agent_id, skills)]
    return list(dict.fromkeys([*named, *joined]))
