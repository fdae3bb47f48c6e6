"""What a caller is to the organisation, and who they are."""

from enum import StrEnum
from typing import NamedTuple

from antiphon.contracts.base import Actor, ActorKind


class Role(StrEnum):
    """What a token's bearer is to the organisation."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OPERATIONS = "operations"
    MANAGER = "manager"
    INTEGRATION = "integration"
    ADMINISTRATOR = "administrator"


STAFF = (Role.AGENT, Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER, Role.ADMINISTRATOR)


def with_implied(*roles: Role) -> frozenset[Role]:
    """Returns these roles and those that may do what they may: administrators may do all that operations may."""
    return frozenset(roles) | ({Role.ADMINISTRATOR} if Role.OPERATIONS in roles else frozenset())


class Identity(NamedTuple):
    """Who asks: the token's subject, name and roles."""

    subject: str
    name: str | None
    roles: frozenset[Role]

    def has(self, *roles: Role) -> bool:
        """Whether they have one of these roles, or one that may do what these may."""
        return not self.roles.isdisjoint(with_implied(*roles))

    def actor(self) -> Actor:
        """The person as the record names them, by the strongest of their roles."""
        if self.has(Role.SUPERVISOR):
            kind = ActorKind.SUPERVISOR
        elif self.has(Role.AGENT):
            kind = ActorKind.AGENT
        elif self.has(Role.INTEGRATION):
            kind = ActorKind.INTEGRATION
        else:
            kind = ActorKind.SYSTEM
        return Actor(kind=kind, id=self.subject, name=self.name)
