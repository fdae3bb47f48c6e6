"""What the routes need, and the parameters that several of them have."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import require
from antiphon.process.clock import Clock
from ingest_direct.actions.permissions import STAFF_WHO_NOTE
from ingest_direct.domain.interactions import DirectChannel

Writer = Annotated[Identity, Depends(require(*STAFF_WHO_NOTE, Role.INTEGRATION))]
Reader = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
StaffOnly = Annotated[Identity, Depends(require(*STAFF))]
Deliverer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR, Role.INTEGRATION))]

InteractionId = Annotated[UUID, Path(description="The interaction's id.")]
AttachmentId = Annotated[UUID, Path(description="The id that the upload was answered with.")]
ReplyId = Annotated[UUID, Path(description="The reply's id.")]
ChannelFilter = Annotated[DirectChannel | None, Query(alias="channel", description="Only this channel.")]
LastEventId = Annotated[
    str | None,
    Header(
        max_length=100, description="The id of the last event that you received: the stream resumes there."
    ),
]


@dataclass(frozen=True)
class Api:
    """What the routes need."""

    engine: AsyncEngine
    feed: ChangeFeed
    clock: Clock
    organisation: ActiveOrganisation
    max_attachment_bytes: int

    @property
    def region(self) -> str:
        """The country of phone numbers in national form, by the active version."""
        return self.organisation.current.organisation.organisation.region
