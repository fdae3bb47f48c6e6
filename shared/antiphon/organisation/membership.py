"""Membership: which people work for a queue, by name or by skills."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import BeforeValidator, Field

from antiphon.organisation.section import Level, Section

Skills = Annotated[dict[str, Level], Field(min_length=1)]


def _alternatives(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Members(Section):
    """Members of a queue, besides the people who name it: `people`, and all who have every skill of one of the sets."""

    people: list[str] = []
    """Members by their id."""
    skills: Annotated[
        list[Skills], BeforeValidator(_alternatives, json_schema_input_type=Skills | list[Skills])
    ] = []
    """Who has every skill of one of these sets, at its level or above, is a member."""

    def include(self, person_id: str, skills: Mapping[str, int]) -> bool:
        """Whether a person with these skills is a member."""
        return person_id in self.people or any(
            all(skills.get(skill, 0) >= level for skill, level in wanted.items()) for wanted in self.skills
        )


class HasMembers(Protocol):
    """Anything that has members."""

    @property
    def members(self) -> Members: ...  # noqa: D102
