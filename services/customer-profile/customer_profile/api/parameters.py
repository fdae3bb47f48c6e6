"""What the routes need, and the parameters that several of them have."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.app import Words
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import require
from antiphon.process.clock import Clock

Reader = Annotated[Identity, Depends(require(*STAFF))]
Writer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Supervisor = Annotated[Identity, Depends(require(Role.SUPERVISOR))]
StaffOrIntegration = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]

CustomerId = Annotated[UUID, Path(description="The customer's id.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=50,
        description='The ETag that you read, e.g. `"3"`. Without it the answer is 428; 412 when the customer has changed.',
    ),
]
LastEventId = Annotated[
    str | None,
    Header(
        max_length=100, description="The id of the last event that you received: the stream resumes there."
    ),
]
Short = Annotated[Words, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


@dataclass(frozen=True)
class Api:
    """What the routes need."""

    engine: AsyncEngine
    feed: ChangeFeed
    clock: Clock
    organisation: ActiveOrganisation

    @property
    def region(self) -> str:
        """The country of phone numbers in national form, by the active version."""
        return self.organisation.current.organisation.organisation.region
