"""Which interactions and replies a caller may see, and for whom they note."""

from antiphon.access.roles import STAFF, Identity, Role

STAFF_WHO_NOTE = (Role.AGENT, Role.SUPERVISOR, Role.OPERATIONS)


def noted_by(who: Identity) -> str | None:
    """The member of staff who notes an interaction; None for a system, whatever other roles its token has."""
    return who.subject if who.has(*STAFF_WHO_NOTE) and not who.has(Role.INTEGRATION) else None


def visible_source(who: Identity) -> str | None:
    """The only source whose interactions and replies the caller sees: their own. None for staff, who see all."""
    return None if who.has(*STAFF) else who.subject


def may_see(who: Identity, source: str) -> bool:
    """Whether the caller sees the interactions and replies of `source`."""
    return visible_source(who) in {None, source}
