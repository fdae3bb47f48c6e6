"""Topic `agents`: who is there, what they can do, how much they can take."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Contract, Event, Instant, known
from antiphon.contracts.work import SkillNeed


class Presence(StrEnum):
    """Whether an agent is there. An organisation can list its own; `not-responding` and `offline` always exist."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    NOT_RESPONDING = "not-responding"
    OFFLINE = "offline"


class AgentFacts(Contract):
    """An agent after the change."""

    agent_id: str = Field(description="The subject of the agent's token.")
    name: str = Field(description="What the agent is called.")
    presence: Annotated[str, known(Presence)]
    skills: list[SkillNeed] = Field(
        default=[], description="The skills that the agent has, each with its level."
    )
    queues: list[str] = Field(default=[], description="The queues whose work the agent can be offered.")
    capacity: int = Field(description="Units of work at a time.")
    load: int = Field(description="Units taken by offers and accepted work.")


class AgentEvent(Event):
    """A fact about one agent."""

    topic: ClassVar[str] = "agents"

    agent: AgentFacts = Field(description="The agent after the change.")
    at: Instant

    @property
    @override
    def key(self) -> str:
        return self.agent.agent_id

    @property
    @override
    def subject(self) -> str:
        return self.agent.agent_id


class AgentPresenceChanged(AgentEvent):
    """An agent came, went, or stopped answering."""

    type: ClassVar[str] = "agent.presence-changed.v1"

    previous: Annotated[str, known(Presence)]
    reason: str = Field(description="Who or what changed it, for people to read.")


class AgentSkillsChanged(AgentEvent):
    """Operations changed what an agent can do: skills or queues."""

    type: ClassVar[str] = "agent.skills-changed.v1"


class AgentCapacityChanged(AgentEvent):
    """Operations changed how much an agent can take."""

    type: ClassVar[str] = "agent.capacity-changed.v1"
