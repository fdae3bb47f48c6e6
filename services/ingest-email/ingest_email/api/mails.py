"""Mails: a list of them, one with its headers, and the bytes of one."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from antiphon.contracts.interactions import Automation, Interaction
from antiphon.http.app import Moment
from antiphon.http.downloads import documented, download
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import not_found, problems
from antiphon.postgres.query import AnyRow
from ingest_email.api.parameters import READER, Api, InteractionId, example
from ingest_email.domain.headers import Headers
from ingest_email.store import mails

_SUMMARY: dict[str, JsonValue] = {
    "interaction_id": "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10",
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
_SHA256 = "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"
_MAIL: dict[str, JsonValue] = {
    **_SUMMARY,
    "to": [{"address": "council@banksia.example", "name": "City of Banksia"}],
    "cc": [],
    "envelope": {"mail_from": "jo@mail.example", "peer": "192.0.2.7", "helo": "mail.example"},
    "headers": [
        {"name": "From", "value": "Jo Harris <jo@mail.example>"},
        {"name": "Subject", "value": "Pothole in Wattle Street"},
    ],
    "interaction": {
        "interaction_id": _SUMMARY["interaction_id"],
        "channel": "email",
        "account": "council@banksia.example",
        "visibility": "private",
        "speaker": {"address": {"kind": "email", "value": "jo@mail.example"}, "name": "Jo Harris"},
        "content": {"subject": "Pothole in Wattle Street", "text": "The pothole is back."},
        "thread": {"native_id": "<one@mail.example>"},
        "recipient": {"kind": "email", "value": "jo@mail.example"},
        "occurred_at": "2026-11-23T08:59:58Z",
        "accepted_at": "2026-11-23T09:00:00Z",
        "raw_sha256": _SHA256,
    },
    "raw_sha256": _SHA256,
}
_RAW = (
    "From: Jo Harris <jo@mail.example>\r\nSubject: Pothole in Wattle Street\r\n\r\nThe pothole is back.\r\n"
)


class MailSummary(BaseModel):
    """A mail in a list."""

    model_config = ConfigDict(json_schema_extra={"example": _SUMMARY})

    interaction_id: UUID = Field(description="The id of the interaction that the mail is.")
    message_id: str | None = Field(description="Its Message-ID; null when it has none.")
    account: str = Field(description="Our address that it was sent to.")
    sender: str | None = Field(description="The address in From; null when From names no single person.")
    sender_name: str | None = Field(description="The name in From.")
    subject: str | None = Field(description="Its subject.")
    automation: Automation = Field(
        description="Whether a person wrote it (`none`), or which kind of program. No program is answered."
    )
    defects: list[str] = Field(description="What was wrong with the mail as it came.")
    size_bytes: int = Field(description="Its size as it came.")
    received_at: datetime = Field(description="When the service received it.")


class Header(BaseModel):
    """One header of a mail."""

    name: str = Field(description="Its name as it was written.")
    value: str = Field(description="Its value on one line; encoded words are not decoded.")


class MailboxView(BaseModel):
    """Somebody whom a header names."""

    model_config = ConfigDict(from_attributes=True)

    address: str = Field(description="The address as it was written.", examples=["council@banksia.example"])
    name: str | None = Field(description="The name beside it.", examples=["City of Banksia"])


class EnvelopeView(BaseModel):
    """What the sending server stated by SMTP. All fields are null for a mail that was read from a mailbox."""

    model_config = ConfigDict(from_attributes=True)

    mail_from: str | None = Field(description="The envelope sender; empty for `<>`.")
    peer: str | None = Field(description="The IP address of the server that sent it.")
    helo: str | None = Field(description="The name by which that server introduced itself.")


class MailView(MailSummary):
    """A mail with its headers and the interaction that it is."""

    model_config = ConfigDict(json_schema_extra={"example": _MAIL})

    to: list[MailboxView] = Field(description="To whom it was written, in order: what To names.")
    cc: list[MailboxView] = Field(description="Who got a copy, in order: what Cc names.")
    envelope: EnvelopeView = Field(description="What the sending server stated by SMTP.")
    headers: list[Header] = Field(description="Its headers in order, the first 300.")
    interaction: Interaction = Field(description="The interaction as the service published it.")
    raw_sha256: str = Field(description="The SHA-256 of its bytes as they came.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/mails",
        tags=["mails"],
        dependencies=[READER],
        responses=problems(400) | example({"items": [_SUMMARY], "next": None}),
    )
    async def list_mails(
        automation: Annotated[
            Automation | None, Query(description="Only mails of this kind of writer; `none` is a person.")
        ] = None,
        defects: Annotated[
            bool | None, Query(description="`true`: only mails with defects. `false`: only mails without.")
        ] = None,
        since: Annotated[
            Moment | None, Query(description="Only mails received at this time or later.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[MailSummary]:
        """Lists mails, the newest first."""
        async with at.engine.connect() as connection:
            rows = await mails.list_mails(
                connection,
                automation=automation,
                with_defects=defects,
                since=since,
                cursor=cursor,
                limit=limit,
            )
        return mails.NEWEST_FIRST.page(rows, limit, _summary)

    @routes.get("/mails/{interaction_id}", tags=["mails"], dependencies=[READER], responses=problems(404))
    async def get_mail(interaction_id: InteractionId) -> MailView:
        """Shows one mail: its headers, and the interaction that it is."""
        async with at.engine.connect() as connection:
            row = await mails.find_mail(connection, interaction_id)
        if row is None:
            raise not_found("mail")
        headers = Headers([(name, value) for name, value in row.headers])
        return MailView(
            **_summary(row).model_dump(),
            to=_mailboxes(headers, "To"),
            cc=_mailboxes(headers, "Cc"),
            envelope=EnvelopeView.model_validate(row),
            headers=[Header(name=name, value=value) for name, value in row.headers],
            interaction=Interaction.model_validate(row.interaction),
            raw_sha256=row.raw_sha256,
        )

    @routes.get(
        "/mails/{interaction_id}/raw",
        tags=["mails"],
        dependencies=[READER],
        response_class=Response,
        responses=problems(404) | documented("message/rfc822", "The mail in the format of RFC 5322.", _RAW),
    )
    async def download_mail(interaction_id: InteractionId) -> Response:
        """Downloads the bytes of a mail, exactly as they came."""
        async with at.engine.connect() as connection:
            raw = await mails.find_raw_mail(connection, interaction_id)
        if raw is None:
            raise not_found("mail")
        return download(raw, "message/rfc822", f"{interaction_id}.eml")


def _mailboxes(headers: Headers, name: str) -> list[MailboxView]:
    return [
        MailboxView.model_validate(mailbox)
        for one in headers.mailbox_lists(name)
        for mailbox in one.mailboxes
    ]


def _summary(row: AnyRow) -> MailSummary:
    return MailSummary.model_validate(row, from_attributes=True)
