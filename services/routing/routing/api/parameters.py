"""What the routes of routing need, and the parameters, roles and fields that several resources share."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path
from pydantic import AliasChoices, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.http.app import Words
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import require
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid
from antiphon.organisation.agent import Agent
from antiphon.process.clock import Clock
from routing.configuration.active import ActiveVersion, Configurations
from routing.configuration.rule_checker import RuleChecker
from routing.domain.configuration.roster import why_no_agent
from routing.queues.live import Live

AgentOnly = Annotated[Identity, Depends(require(Role.AGENT))]
Worker = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Supervisor = Annotated[Identity, Depends(require(Role.SUPERVISOR))]
QueueManager = Annotated[Identity, Depends(require(Role.SUPERVISOR, Role.OPERATIONS))]
Operations = Annotated[Identity, Depends(require(Role.OPERATIONS))]
Overseer = Annotated[Identity, Depends(require(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER))]
Reader = Annotated[Identity, Depends(require(*STAFF))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=50,
        description="The ETag of what you have read. Without it the answer is 428; with another than the current one, 412.",
    ),
]
AgentId = Annotated[str, Path(description="The agent's id in the configuration.", examples=["elena"])]
QueueId = Annotated[str, Path(description="The queue's id in the configuration.", examples=["planning"])]
CaseId = Annotated[UUID, Path(description="The case's id.")]
WorkItemId = Annotated[UUID, Path(description="The work item's id.")]
OfferId = Annotated[UUID, Path(description="The offer's id.")]
DraftId = Annotated[UUID, Path(description="The draft's id.")]
PublicationId = Annotated[UUID, Path(description="The publication's id.")]
ShadowId = Annotated[UUID, Path(description="The shadow's id.")]
TrialId = Annotated[UUID, Path(description="The trial's id.")]
VersionNumber = Annotated[
    int, Path(ge=1, le=2**31 - 1, description="The number of a version of the configuration.", examples=[12])
]

Reason = Annotated[Words, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
# The column of a row is named `version`.
_OF_ROW = AliasChoices("configuration_version", "version")
ConfigurationVersion = Annotated[int, Field(validation_alias=_OF_ROW, examples=[12])]
OptionalConfigurationVersion = Annotated[int | None, Field(validation_alias=_OF_ROW, examples=[12])]


@dataclass(frozen=True)
class Api:
    """What the routes need."""

    engine: AsyncEngine
    feed: ChangeFeed
    clock: Clock
    configurations: Configurations
    live: Live
    rule_checker: RuleChecker

    async def active(self, tx: AsyncConnection) -> ActiveVersion:
        """The active version of the configuration, as this transaction sees it."""
        return await self.configurations.active(tx, self.clock())

    async def agent(self, tx: AsyncConnection, caller: Identity) -> Agent:
        """The agent that the token names. Raises Problem 403, with the reason, for who is none at this time."""
        now = self.clock()
        configuration = (await self.configurations.active(tx, now)).configuration
        agent = configuration.agents_by_id.get(caller.subject)
        if agent is None:
            raise Problem(Kind.NOT_AN_AGENT, why_no_agent(configuration, caller.subject, now))
        return agent

    async def visible_to(self, tx: AsyncConnection, caller: Identity) -> Agent | None:
        """The agent whose own work and queues are all that the caller may see; None for who may see everything.

        Raises Problem 403 as `agent`.
        """
        return None if sees_all(caller) else await self.agent(tx, caller)


def sees_all(caller: Identity) -> bool:
    """Whether the caller may see the work of all agents and queues."""
    return caller.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER)


def invalid_field(pointer: str, detail: str) -> Problem:
    """422 for one value in a body."""
    return invalid(ErrorPlace(pointer=pointer, detail=detail))
