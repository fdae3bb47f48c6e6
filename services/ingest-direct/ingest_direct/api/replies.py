"""Replies that staff and systems hand over, and what they report of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from antiphon.contracts.interactions import Identifier
from antiphon.contracts.replies import ReplyRequested
from antiphon.http import pages
from antiphon.http.app import Body, Words
from antiphon.http.changes import EVERYTHING, EventStream
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from ingest_direct import store
from ingest_direct.actions import replies
from ingest_direct.actions.permissions import visible_source
from ingest_direct.api.parameters import (
    Api,
    ChannelFilter,
    Deliverer,
    LastEventId,
    Reader,
    ReplyId,
    StaffOnly,
)
from ingest_direct.domain.replies import Outcome, ReplyState

EXAMPLE: dict[str, JsonValue] = {
    "reply_id": "0192f0c4-7a00-7000-8000-0000000000bb",
    "interaction_id": "8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
    "state": "waiting",
    "case_reference": "C-1042",
    "channel": "phone",
    "account": "phone",
    "recipient": {"kind": "phone", "value": "+61255501234"},
    "text": "We fill the pothole on Thursday.",
    "author": "Bruno",
    "requested_at": "2026-03-02T10:02:11Z",
    "finished_at": None,
    "finished_by": None,
    "native_id": None,
    "reason": None,
}
_PAGE = {"content": {"application/json": {"example": {"items": [EXAMPLE], "next": None}}}}
_EVENT = """event: reply-requested
id: 748-12
data: {"subject":"0192f0c4-7a00-7000-8000-0000000000bb","channel":"phone"}

"""
_STREAM = {"content": {EventStream.media_type: {"example": _EVENT}}}


class ReplyView(BaseModel):
    """A reply that waits to be handed over, was sent, or failed."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    reply_id: UUID = Field(description="The reply's id.")
    interaction_id: UUID = Field(description="The interaction that it answers.")
    state: ReplyState = Field(description="`waiting` until somebody reports `sent` or `failed`.")
    case_reference: str = Field(description="The case as people call it, e.g. `C-1042`.")
    channel: str = Field(description="The channel on which to hand it over.")
    account: str = Field(description="Which of our numbers, counters or forms the customer spoke to.")
    recipient: Identifier | None = Field(
        description="To whom it goes, and to nobody else. Null: hand it to whom you had the interaction from."
    )
    text: str = Field(description="The words.")
    author: str = Field(description="The name of who wrote it.")
    requested_at: datetime = Field(description="When its author sent it.")
    finished_at: datetime | None = Field(None, description="When `sent` or `failed` was reported.")
    finished_by: str | None = Field(None, description="The subject of the token that reported it.")
    native_id: str | None = Field(None, description="The id that the other side gave it, when it was sent.")
    reason: str | None = Field(None, description="Why it failed.")


class SentReport(Body):
    """That the reply reached the customer."""

    model_config = ConfigDict(json_schema_extra={"example": {"native_id": "call-4711"}})

    native_id: Annotated[Words, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, description="The id that the other side gave the reply, when it gave one."
    )


class FailureReport(Body):
    """That the reply can't reach the customer."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "The number is not in use."}})

    reason: Annotated[Words, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="Why; the case shows it."
    )


def reply_view(row: AnyRow) -> ReplyView:
    """The reply as the API shows it."""
    request = ReplyRequested.model_validate(row.requested)
    outcome = Outcome(**(row.outcome or {}))
    return ReplyView(
        reply_id=row.reply_id,
        interaction_id=row.interaction_id,
        state=row.state,
        case_reference=request.case_reference,
        channel=request.channel,
        account=request.account,
        recipient=request.recipient,
        text=request.text,
        author=request.author.name or request.author.id,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        finished_by=row.finished_by,
        native_id=outcome.native_id,
        reason=outcome.reason,
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/replies", tags=["replies"], responses={200: _PAGE, **problems(400)})
    async def list_replies(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, channel: ChannelFilter = None,
        state: Annotated[ReplyState, Query(description="Only replies in this state.")] = ReplyState.WAITING,
    ) -> Page[ReplyView]:  # fmt: skip
        """Replies to hand over, the oldest first. A system sees only replies to what it brought."""
        after = _after(cursor) if cursor else None
        async with at.engine.connect() as connection:
            rows = await store.replies.page(
                connection, limit + 1, state=state, source=visible_source(who), channel=channel, after=after
            )
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[reply_view(row) for row in rows[:limit]],
            next=pages.encode_cursor(more.requested_at.isoformat(), str(more.reply_id)) if more else None,
        )

    @routes.get("/replies/changes", tags=["replies"], response_class=EventStream, responses={200: _STREAM})
    async def follow_replies(who: StaffOnly, last_event_id: LastEventId = None) -> EventStream:
        """Server-sent events `reply-requested`, `reply-sent` and `reply-failed`, each with the reply's id as `subject`.

        Read the reply for its text. After `reset`, list the replies again: the stream no longer has the events that you
        missed. A system would see replies to others here: it polls `GET /replies`.
        """
        del who
        return EventStream(at.feed.stream(last_event_id, EVERYTHING))

    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(reply_id: ReplyId, who: Reader) -> ReplyView:
        """One reply."""
        async with at.engine.connect() as connection:
            return reply_view(await replies.get(connection, reply_id, who))

    @routes.post("/replies/{reply_id}/sent", tags=["replies"], responses=problems(404, 409))
    async def report_reply_sent(
        reply_id: ReplyId, report: SentReport, who: Deliverer, tx: OnceTx
    ) -> ReplyView:
        """The reply reached the customer: they were called back, or it was posted or handed over.

        Reporting it again changes nothing.
        """
        outcome = Outcome(native_id=report.native_id)
        return reply_view(await replies.finish(tx, reply_id, ReplyState.SENT, outcome, who, at.clock()))

    @routes.post("/replies/{reply_id}/failed", tags=["replies"], responses=problems(404, 409))
    async def report_reply_failed(
        reply_id: ReplyId, report: FailureReport, who: Deliverer, tx: OnceTx
    ) -> ReplyView:
        """The reply can't reach the customer; the case shows why. Reporting it again changes nothing."""
        outcome = Outcome(reason=report.reason)
        return reply_view(await replies.finish(tx, reply_id, ReplyState.FAILED, outcome, who, at.clock()))


def _after(cursor: str) -> tuple[datetime, UUID]:
    requested_at, reply_id = pages.decode_cursor(cursor, (str, str))
    return pages.time(requested_at), pages.uuid(reply_id)
