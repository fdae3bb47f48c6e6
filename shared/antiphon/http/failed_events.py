"""The API of dead letters and parked events, in every service: which there are, why, and their replay.

It shows no data of an event. What a replay does is in `kafka/dead_letters.py` and `kafka/parked_events.py`.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Identity, Role
from antiphon.http import pages
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.permissions import require
from antiphon.http.problems import not_found, problems
from antiphon.kafka import dead_letters, parked_events
from antiphon.postgres.query import AnyRow

Operations = Annotated[Identity, Depends(require(Role.OPERATIONS))]
_LARGEST = 2**63 - 1
DeadLetterId = Annotated[
    int, Path(ge=1, le=_LARGEST, description="The number of the dead letter.", examples=[12])
]
ParkedEventId = Annotated[
    int, Path(ge=1, le=_LARGEST, description="The number of the parked event.", examples=[7])
]


class DeadLetterView(BaseModel):
    """An event that the service read and could not handle."""

    dead_letter_id: int = Field(description="Its number in this service.", examples=[12])
    topic: str = Field(description="The topic that it was on.", examples=["cases"])
    partition: int = Field(description="The partition of the topic.", examples=[3])
    offset: int = Field(description="The offset in the partition.", examples=[4711])
    event_id: str | None = Field(
        description="The CloudEvents id; null when it has none.",
        examples=["8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11"],
    )
    reason: str = Field(
        description="Why it could not be handled.", examples=["unknown event type 'case.opened.v9'"]
    )
    failed_at: datetime = Field(description="When it first failed.")
    attempts: int = Field(description="How often it was tried.", examples=[1])
    replay_requested_at: datetime | None = Field(
        description="When a person asked to replay it; null when nobody has since it last failed."
    )


class ParkedEventView(BaseModel):
    """An event that the service wrote and that Kafka refused for good."""

    parked_event_id: int = Field(description="Its number in this service.", examples=[7])
    topic: str = Field(description="The topic that it is for.", examples=["work"])
    event_id: str | None = Field(
        description="The CloudEvents id; null when it has none.",
        examples=["8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11"],
    )
    bytes: int = Field(description="The size of its data.", examples=[1_000_480])
    reason: str = Field(
        description="Why Kafka refused it.", examples=["Kafka refused it: MESSAGE_SIZE_TOO_LARGE"]
    )
    created_at: datetime = Field(description="When the service wrote it.")
    parked_at: datetime = Field(description="When Kafka refused it.")


def add(routes: APIRouter, engine: AsyncEngine) -> None:
    """Adds the routes."""

    @routes.get("/dead-letters", tags=["failed events"], responses=problems(400))
    async def list_dead_letters(
        _caller: Operations, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[DeadLetterView]:
        """Events that the service could not handle and that were not replayed, the oldest first."""
        async with engine.connect() as connection:
            rows = await dead_letters.unhandled(connection, _after(cursor), limit + 1)
        items = [_dead_letter(row) for row in rows[:limit]]
        return Page(items=items, next=pages.encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)

    @routes.post(
        "/dead-letters/{dead_letter_id}/replay",
        tags=["failed events"],
        status_code=202,
        responses=problems(404),
    )
    async def replay_dead_letter(
        dead_letter_id: DeadLetterId, _caller: Operations, tx: OnceTx
    ) -> DeadLetterView:
        """Has the service handle an event again, soon. If it fails again, it stays, with the new reason."""
        if not await dead_letters.request_replay(tx, [dead_letter_id]):
            raise not_found("dead letter that was not replayed")
        (row,) = await dead_letters.unhandled(tx, dead_letter_id - 1, 1)
        return _dead_letter(row)

    @routes.get("/parked-events", tags=["failed events"], responses=problems(400))
    async def list_parked_events(
        _caller: Operations, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ParkedEventView]:
        """Events that Kafka refused, the oldest first."""
        async with engine.connect() as connection:
            rows = await parked_events.parked(connection, _after(cursor), limit + 1)
        items = [_parked_event(row) for row in rows[:limit]]
        return Page(items=items, next=pages.encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)

    @routes.post(
        "/parked-events/{parked_event_id}/replay",
        tags=["failed events"],
        status_code=202,
        responses=problems(404),
    )
    async def replay_parked_event(
        parked_event_id: ParkedEventId, _caller: Operations, tx: OnceTx
    ) -> ParkedEventView:
        """Has the service send an event again, soon. If Kafka refuses it again, it is parked under a new number."""
        rows = await parked_events.parked(tx, parked_event_id - 1, 1)
        if not await parked_events.resend(tx, [parked_event_id]):
            raise not_found("parked event")
        return _parked_event(rows[0])

    _ = (list_dead_letters, replay_dead_letter, list_parked_events, replay_parked_event)


def _after(cursor: str | None) -> int:
    if not cursor:
        return 0
    (number,) = pages.decode_cursor(cursor, (int,))
    if not isinstance(number, int) or not 0 <= number <= _LARGEST:
        raise pages.malformed()
    return number


def _dead_letter(row: AnyRow) -> DeadLetterView:
    return DeadLetterView(
        dead_letter_id=row.id,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        event_id=row.event_id,
        reason=row.reason,
        failed_at=row.at,
        attempts=row.attempts,
        replay_requested_at=row.replay_requested_at,
    )


def _parked_event(row: AnyRow) -> ParkedEventView:
    return ParkedEventView(
        parked_event_id=row.id,
        topic=row.topic,
        event_id=parked_events.event_id(row),
        bytes=row.bytes,
        reason=row.reason,
        created_at=row.created_at,
        parked_at=row.parked_at,
    )
