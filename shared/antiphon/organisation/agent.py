"""Agents: the people who answer customers."""

from typing import Annotated

from pydantic import Field

from antiphon.organisation.section import Level, Section


class Agent(Section):
    """A person who answers customers."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    name: str
    queues: list[str] = []
    skills: dict[str, Level] = {}
    capacity: int = Field(3, ge=1, le=100)
    auto_accept: bool = False
    profiles: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default={}, description="The agent's own limits in capacity profiles, in place of the profile's."
    )
