"""What the routes need, and the parameters that several of them have."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Header, Path, Query
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.http.app import Words
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import require
from antiphon.process.clock import Clock


@dataclass(frozen=True)
class Api:
    """What the routes need. `token_secret` signs case tokens."""

    engine: AsyncEngine
    feed: ChangeFeed
    clock: Clock
    token_secret: str


Reader = Annotated[Identity, Depends(require(*STAFF))]
Writer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]

CaseId = Annotated[UUID, Path(description="The id of the case.")]
QueueId = Annotated[Words, StringConstraints(min_length=1, max_length=200)]
QueueName = Annotated[
    Words | None, Query(max_length=200, description="The name of the queue that has the case's work.")
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=50,
        description='The ETag of the case that the author saw, e.g. `"3"`. Required.',
    ),
]

Example: TypeAlias = dict[int | str, dict[str, object]]
"""The `responses` of a route for OpenAPI."""


def example(value: object, media_type: str = "application/json") -> Example:
    """An example of a successful response."""
    return {200: {"content": {media_type: {"example": value}}}}
