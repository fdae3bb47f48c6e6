"""The HTTP door of ingest-direct: for people at a desk and for other systems."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, File, Header, Query, Response, UploadFile
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import entry_counts
from antiphon.access.roles import Identity, Role
from antiphon.contracts.interactions import Attachment, Identifier, Interaction
from antiphon.contracts.replies import ReplyRequested
from antiphon.http import pages
from antiphon.http.app import Body, Words
from antiphon.http.changes import EVERYTHING, ChangeFeed, EventStream
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.permissions import Guarded, require
from antiphon.http.problems import Problem, not_found, problems
from antiphon.postgres.query import AnyRow
from antiphon.process.clock import Clock
from antiphon.text import clean
from ingest_direct import actions, store
from ingest_direct.domain import DirectChannel, NewInteraction

DESK = (Role.AGENT, Role.SUPERVISOR, Role.OPERATIONS)
Writer = Annotated[Identity, Depends(require(*DESK, Role.INTEGRATION))]
Reader = Annotated[Identity, Depends(require(*DESK, Role.MANAGER, Role.INTEGRATION))]
Follower = Annotated[Identity, Depends(require(*DESK, Role.MANAGER))]
Deliverer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR, Role.INTEGRATION))]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$",
        description="Yours: the same key again gets the first answer.",
    ),
]  # fmt: skip
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


class Accepted(BaseModel):
    """A durable interaction."""

    interaction_id: UUID
    accepted_at: datetime


class CaseOf(BaseModel):
    """The case that an interaction is on."""

    case_id: UUID
    reference: str
    status: str


class ReplyView(BaseModel):
    """An answer, on its way or handed over."""

    reply_id: UUID
    interaction_id: UUID
    state: Literal["waiting", "sent", "failed"]
    case_reference: str
    channel: str
    account: str
    recipient: Identifier | None = Field(
        description="To whom it goes, and to nobody else; null: hand it to whom you had the interaction from."
    )
    text: str
    author: str = Field(description="Who answered.")
    requested_at: datetime
    finished_at: datetime | None = None
    finished_by: str | None = None
    native_id: str | None = None
    reason: str | None = None


class InteractionView(BaseModel):
    """What was said and what became of it."""

    interaction: Interaction
    case: CaseOf | None = Field(None, description="Null while it is on its way.")
    replies: list[ReplyView] = []
    answered: bool


class Sent(Body):
    """How the answer reached the customer."""

    native_id: Annotated[Words, StringConstraints(min_length=1, max_length=500)] | None = None


class Failed(Body):
    """Why it can't reach them."""

    reason: Annotated[Words, StringConstraints(min_length=1, max_length=2000)]


class Counts(entry_counts.EntryCounts):
    """What came in, and the answers."""

    replies_waiting: int
    replies_sent: int
    replies_failed: int


def router(  # noqa: C901, PLR0915 - the routes of one small service
    engine: AsyncEngine, feed: ChangeFeed, clock: Clock, *, region: str, max_attachment_bytes: int
) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=Guarded)

    @routes.post(
        "/interactions", status_code=201, tags=["interactions"],
        responses={200: {"model": Accepted, "description": "A repeat: the first answer"}, **problems(400, 409)},
    )  # fmt: skip
    async def note_interaction(given: NewInteraction, key: Key, who: Writer, response: Response) -> Accepted:
        """Makes a call, letter, visit, form, chat message or partner's message an interaction; durable when answered."""
        async with engine.begin() as tx:
            noted = await actions.note_interaction(
                tx, given, key=key, who=who, noted_by=noting(who), region=region, now=clock()
            )
        response.headers["Location"] = f"/interactions/{noted.row.interaction_id}"
        if noted.repeated:
            response.status_code = 200
            response.headers["Idempotency-Replayed"] = "true"
        return Accepted(interaction_id=noted.row.interaction_id, accepted_at=noted.row.accepted_at)

    @routes.get("/interactions", tags=["interactions"], responses=problems(400))
    async def list_interactions(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, channel: DirectChannel | None = None,
        *, mine: Annotated[bool, Query(description="Only what I noted.")] = False,
    ) -> Page[InteractionView]:  # fmt: skip
        """What was brought in, newest first. A system sees only its own."""
        table = store.INTERACTION.c
        query = select(store.INTERACTION)
        if not who.has(*DESK, Role.MANAGER) or mine:
            query = query.where(table.source == who.subject)
        if channel:
            query = query.where(table.channel == channel)
        newest = KeysetPage(table.accepted_at, table.interaction_id)
        async with engine.connect() as connection:
            rows = (await connection.execute(newest.after(query, cursor, limit))).all()
            replies = await _replies_of(connection, [row.interaction_id for row in rows])
        return newest.page(rows, limit, lambda row: _interaction(row, replies.get(row.interaction_id, [])))

    @routes.get("/interactions/{interaction_id}", tags=["interactions"], responses=problems(404))
    async def get_interaction(interaction_id: UUID, who: Reader) -> InteractionView:
        """What was said, which case it is on, and the answers."""
        async with engine.connect() as connection:
            found = await connection.execute(
                select(store.INTERACTION).where(store.INTERACTION.c.interaction_id == interaction_id)
            )
            row = found.one_or_none()
            if row is None or not _may_see(who, row.source):
                raise not_found("interaction")
            replies = await _replies_of(connection, [interaction_id])
        return _interaction(row, replies.get(interaction_id, []))

    @routes.post("/attachments", status_code=201, tags=["attachments"], responses=problems(400, 413))
    async def upload(
        file: Annotated[UploadFile, File(description="A scan or file.")], who: Writer
    ) -> Attachment:
        """Keeps a file until an interaction uses it; unused ones are forgotten after a day."""
        content = await file.read(max_attachment_bytes + 1)
        if len(content) > max_attachment_bytes:
            raise Problem(413, "Too large", f"A file may have {max_attachment_bytes} bytes.")
        async with engine.begin() as tx:
            return await actions.keep_attachment(
                tx,
                source=who.subject,
                filename=clean(file.filename or "file")[:255],
                media_type=clean(file.content_type or "application/octet-stream")[:255],
                content=content,
                now=clock(),
            )

    @routes.get(
        "/attachments/{attachment_id}", tags=["attachments"], response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}}, **problems(404)},
    )  # fmt: skip
    async def download(attachment_id: UUID, who: Reader) -> Response:
        """The file, as a download: never shown inside a page."""
        async with engine.connect() as connection:
            found = await connection.execute(
                select(store.ATTACHMENT).where(store.ATTACHMENT.c.attachment_id == attachment_id)
            )
        row = found.one_or_none()
        if row is None or not _may_see(who, row.source):
            raise not_found("attachment")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.filename, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return Response(bytes(row.content), media_type="application/octet-stream", headers=headers)

    @routes.get("/replies", tags=["replies"], responses=problems(400))
    async def list_replies(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, channel: DirectChannel | None = None,
        state: Literal["waiting", "sent", "failed"] = "waiting",
    ) -> Page[ReplyView]:  # fmt: skip
        """Answers to hand over, oldest first. A system sees only answers to what it brought."""
        table = store.REPLY.c
        query = select(store.REPLY).where(table.state == state).order_by(table.requested_at, table.reply_id)
        if not who.has(*DESK, Role.MANAGER):
            query = query.where(table.source == who.subject)
        if channel:
            query = query.where(table.channel == channel)
        if cursor:
            at, last = pages.decode_cursor(cursor, (str, str))
            query = query.where(
                tuple_(table.requested_at, table.reply_id) > (pages.time(at), pages.uuid(last))
            )
        async with engine.connect() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[_reply(row) for row in rows[:limit]],
            next=pages.encode_cursor(more.requested_at.isoformat(), str(more.reply_id)) if more else None,
        )

    @routes.get("/replies/changes", tags=["replies"], response_class=EventStream)
    async def follow_replies(
        who: Follower, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> EventStream:
        """Server-sent events `reply-requested`, `reply-sent`, `reply-failed`; fetch the reply for its text.

        Not for systems, which would see others' replies: they poll `GET /replies`.
        """
        del who
        return EventStream(feed.stream(last_event_id, EVERYTHING))

    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(reply_id: UUID, who: Reader) -> ReplyView:
        """One answer."""
        async with engine.connect() as connection:
            return _reply(await _own_reply(connection, reply_id, who))

    async def finish(
        reply_id: UUID, who: Identity, *, sent: bool, native_id: str | None, reason: str | None
    ) -> ReplyView:
        async with engine.begin() as tx:
            row = await _own_reply(tx, reply_id, who)
            done = await actions.finish_reply(
                tx, row, sent=sent, native_id=native_id, reason=reason, who=who.actor(), now=clock()
            )
        return _reply(done)

    @routes.post("/replies/{reply_id}/sent", tags=["replies"], responses=problems(404, 409))
    async def mark_sent(reply_id: UUID, given: Sent, who: Deliverer) -> ReplyView:
        """The customer has the answer: called back, posted, handed over. Saying it again changes nothing."""
        return await finish(reply_id, who, sent=True, native_id=given.native_id, reason=None)

    @routes.post("/replies/{reply_id}/failed", tags=["replies"], responses=problems(404, 409))
    async def mark_failed(reply_id: UUID, given: Failed, who: Deliverer) -> ReplyView:
        """The answer can't reach the customer; the case is told why."""
        return await finish(reply_id, who, sent=False, native_id=None, reason=given.reason)

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Reader) -> Counts:
        """What came in: received = interactions + duplicates + quarantined, at all times."""
        del who
        async with engine.connect() as connection:
            counted = await entry_counts.read(connection)
            replies = await store.reply_counts(connection)
        return Counts(
            **counted.model_dump(),
            replies_waiting=replies.get("waiting", 0),
            replies_sent=replies.get("sent", 0),
            replies_failed=replies.get("failed", 0),
        )

    return routes


def noting(who: Identity) -> str | None:
    """The person of the staff who notes something; None for a system, whatever other roles its token has."""
    return who.subject if who.has(*DESK) and not who.has(Role.INTEGRATION) else None


def _may_see(who: Identity, source: str) -> bool:
    return who.has(*DESK, Role.MANAGER) or who.subject == source


async def _own_reply(connection: AsyncConnection, reply_id: UUID, who: Identity) -> AnyRow:
    found = await connection.execute(select(store.REPLY).where(store.REPLY.c.reply_id == reply_id))
    row: AnyRow | None = found.one_or_none()
    if row is None or not _may_see(who, row.source):
        raise not_found("reply")
    return row


async def _replies_of(connection: AsyncConnection, ids: list[UUID]) -> dict[UUID, list[AnyRow]]:
    found = await connection.execute(
        select(store.REPLY).where(store.REPLY.c.interaction_id.in_(ids)).order_by(store.REPLY.c.requested_at)
    )
    replies: dict[UUID, list[AnyRow]] = {}
    for row in found:
        replies.setdefault(row.interaction_id, []).append(row)
    return replies


def _interaction(row: AnyRow, replies: list[AnyRow]) -> InteractionView:
    case = (
        CaseOf(case_id=row.case_id, reference=row.case_reference, status=row.case_status)
        if row.case_id
        else None
    )
    return InteractionView(
        interaction=Interaction.model_validate(row.interaction),
        case=case,
        replies=[_reply(reply) for reply in replies],
        answered=any(reply.state == "sent" for reply in replies),
    )


def _reply(row: AnyRow) -> ReplyView:
    asked = ReplyRequested.model_validate(row.requested)
    outcome = row.outcome or {}
    return ReplyView(
        reply_id=row.reply_id,
        interaction_id=row.interaction_id,
        state=row.state,
        case_reference=asked.case_reference,
        channel=asked.channel,
        account=asked.account,
        recipient=asked.recipient,
        text=asked.text,
        author=asked.author.name or asked.author.id,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        finished_by=row.finished_by,
        native_id=outcome.get("native_id"),
        reason=outcome.get("reason"),
    )
