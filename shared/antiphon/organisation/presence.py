"""Presences: the states that an agent can be in, and which of them are routable."""

from pydantic import Field

from antiphon.organisation.section import Section

# Routing sets these itself, so every configuration has them, and they are never routable.
ALWAYS = {"not-responding": "Not responding", "offline": "Offline"}


class PresenceKind(Section):
    """A presence. `routable`: agents may be offered work. `settable`: agents may choose it themselves."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """The presence's id."""
    name: str
    """What people call it."""
    routable: bool = False
    """Whether agents are offered work in it."""
    settable: bool = True
    """Whether agents may choose it."""


USUAL = [
    PresenceKind(id="available", name="Available", routable=True),
    PresenceKind(id="busy", name="Busy"),
    PresenceKind(id="away", name="Away"),
]
