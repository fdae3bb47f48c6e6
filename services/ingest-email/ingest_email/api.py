"""The HTTP door: what came in, as it came; what left, and how often it was tried."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import entry_counts
from antiphon.access.roles import STAFF, Role
from antiphon.access.tokens import Access
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.delivery import store as delivery
from antiphon.delivery import views
from antiphon.delivery.attempts import State
from antiphon.delivery.views import OutgoingReply
from antiphon.http import pages
from antiphon.http.app import Moment, create_app
from antiphon.http.pages import Page
from antiphon.http.permissions import Guarded, require
from antiphon.http.problems import not_found, problems
from antiphon.postgres.query import AnyRow
from antiphon.service_names import INGEST_EMAIL
from ingest_email import store

_READER = Depends(require(*STAFF))
_EXAMPLE_ID = "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10"
# A customer's file is data, never a page of ours: it is saved, not shown, and can do nothing if it is shown.
_DOWNLOAD = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes, to be saved.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

ROUTES = APIRouter(route_class=Guarded)


class MailSummary(BaseModel):
    """A mail in a list."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "interaction_id": _EXAMPLE_ID,
                "message_id": "<one@mail.example>",
                "account": "council@banksia.example",
                "sender": "jo@mail.example",
                "sender_name": "Jo Harris",
                "subject": "Pothole in Wattle Street",
                "automation": "none",
                "defects": [],
                "size_bytes": 1822,
                "received_at": "2026-11-23T09:00:00Z",
            }
        }
    )

    interaction_id: UUID
    message_id: str | None
    account: str
    sender: str | None
    sender_name: str | None
    subject: str | None
    automation: Automation
    defects: list[str]
    size_bytes: int
    received_at: datetime


class Header(BaseModel):
    """One header as it came."""

    name: str
    value: str


class EnvelopeView(BaseModel):
    """What SMTP said beside the mail's bytes. All null for a mail that was read from a mailbox."""

    model_config = ConfigDict(from_attributes=True)

    mail_from: str | None = Field(description="The envelope sender; empty for `<>`.")
    peer: str | None = Field(description="The IP address that connected.")
    helo: str | None = Field(description="What it called itself.")


class MailView(MailSummary):
    """A mail as it was read."""

    model_config = ConfigDict(json_schema_extra={})

    envelope: EnvelopeView
    headers: list[Header]
    interaction: Interaction
    raw_sha256: str


class Counts(entry_counts.EntryCounts):
    """What came in and what left. `received` is `interactions` + `duplicates` + `quarantined`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "received": 12, "interactions": 9, "duplicates": 2, "quarantined": 1, "sent": 4, "failed": 1, "waiting": 0,
            }
        }
    )  # fmt: skip

    sent: int
    failed: int
    waiting: int


class ReplyView(OutgoingReply):
    """A reply that leaves by mail."""

    recipient: str | None = Field(description="Null when it must not be sent.")


@ROUTES.get("/mails", dependencies=[_READER], responses=problems(400))
async def list_mails(
    request: Request,
    automation: Annotated[Automation | None, Query(description="Only what this kind of writer sent.")] = None,
    defects: Annotated[
        bool | None, Query(description="Only mails that were broken, or only whole ones.")
    ] = None,
    since: Annotated[Moment | None, Query(description="Only what was received then or later.")] = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[MailSummary]:
    """Mails, newest first."""
    after = None
    if cursor is not None:
        at, interaction_id = pages.decode_cursor(cursor, (str, str))
        after = (pages.time(at), pages.uuid(interaction_id))
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        rows = await store.mails(
            connection, automation=automation, with_defects=defects, since=since, after=after, limit=limit + 1
        )
    last = rows[limit - 1] if len(rows) > limit else None
    place = pages.encode_cursor(last.received_at.isoformat(), str(last.interaction_id)) if last else None
    return Page(items=[_summary(row) for row in rows[:limit]], next=place)


def _summary(row: AnyRow) -> MailSummary:
    return MailSummary.model_validate(row, from_attributes=True)


@ROUTES.get("/mails/{interaction_id}", dependencies=[_READER], responses=problems(404))
async def show_mail(request: Request, interaction_id: UUID) -> MailView:
    """One mail: its headers, and the interaction that it became."""
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        row = await store.mail(connection, interaction_id)
    if row is None:
        raise not_found("mail")
    return MailView(
        **_summary(row).model_dump(),
        envelope=EnvelopeView.model_validate(row),
        headers=[Header(name=name, value=value) for name, value in row.headers],
        interaction=Interaction.model_validate(row.interaction),
        raw_sha256=row.raw_sha256,
    )


@ROUTES.get(
    "/mails/{interaction_id}/raw",
    dependencies=[_READER],
    response_class=Response,
    responses={**problems(404), 200: {"description": "RFC 5322", "content": {"message/rfc822": {}}}},
)
async def download_mail(request: Request, interaction_id: UUID) -> Response:
    """The bytes of a mail, exactly as they came."""
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        raw = await store.raw_mail(connection, interaction_id)
    if raw is None:
        raise not_found("mail")
    return _download(raw, "message/rfc822", f"{interaction_id}.eml")


@ROUTES.get(
    "/attachments/{attachment_id}",
    dependencies=[_READER],
    response_class=Response,
    responses={**problems(404), **_BINARY},
)
async def download_attachment(request: Request, attachment_id: UUID) -> Response:
    """A file that came with a mail; its media type is in the mail's view."""
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        row = await store.attachment(connection, attachment_id)
    if row is None:
        raise not_found("attachment")
    return _download(row.data, "application/octet-stream", row.filename)


def _download(data: bytes, media_type: str, filename: str) -> Response:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(data, media_type=media_type, headers={**_DOWNLOAD, "Content-Disposition": disposition})


@ROUTES.get("/counts", dependencies=[Depends(require(*STAFF, Role.INTEGRATION))])
async def show_counts(request: Request) -> Counts:
    """What came in and what left, as of now."""
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        counted = await entry_counts.read(connection)
        replies = await delivery.counts(connection)
    return Counts(
        **counted.model_dump(),
        sent=replies[State.SENT],
        failed=replies[State.FAILED],
        waiting=replies[State.WAITING],
    )


@ROUTES.get("/replies/{reply_id}", dependencies=[_READER], responses=problems(404))
async def show_reply(request: Request, reply_id: UUID) -> ReplyView:
    """Where a reply stands, with every attempt to send it."""
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        found = await views.show(connection, reply_id)
        recipient = await store.recipient(connection, reply_id)
    if found is None:
        raise not_found("reply")
    return ReplyView(**dict(found), recipient=recipient)


def create_api(engine: AsyncEngine, access: Access) -> FastAPI:
    """The application."""
    app = create_app(
        title="Antiphon: email",
        service=INGEST_EMAIL,
        description="Mail as it came in, its files, and the answers that left by mail.",
        engine=engine,
        access=access,
        package="ingest_email",
    )
    app.include_router(ROUTES)
    return app
