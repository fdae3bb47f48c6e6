"""What the routes of ingest-social share: who may call them, their parameters, and what they need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import STAFF, Role
from antiphon.connections.routes import Connections
from antiphon.http.permissions import require
from ingest_social.accounts import Followed, SocialConnection
from ingest_social.networks import Kind

READER = Depends(require(*STAFF))
COUNTER = Depends(require(*STAFF, Role.INTEGRATION))
InteractionId = Annotated[UUID, Path(description="The id of the interaction that the post is.")]
AttachmentId = Annotated[UUID, Path(description="The id of the file, as the post lists it.")]
ReplyId = Annotated[UUID, Path(description="The id of the reply, as case-mgmt gave it.")]


@dataclass(frozen=True)
class Api:
    """What the routes need."""

    engine: AsyncEngine
    followed: Callable[[], Sequence[Followed]]
    connections: Connections[SocialConnection]
    kinds: Mapping[str, Kind]


def example(value: object) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route whose success answers JSON like `value`."""
    return {200: {"content": {"application/json": {"example": value}}}}
