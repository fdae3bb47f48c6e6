"""Reads a mail: its bytes become an interaction. Any bytes become one."""

import hashlib
import re
from datetime import datetime
from email.message import Message
from uuid import UUID

from antiphon import identifiers, ids
from antiphon.contracts.interactions import (
    Attachment,
    Automation,
    Content,
    Interaction,
    Speaker,
    Thread,
    Visibility,
)
from antiphon.text import shorten
from ingest_email.domain import automation, charsets, heads, html, mime, words
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.bounce import read_bounce
from ingest_email.domain.correspondents import correspondents
from ingest_email.domain.headers import Headers, sent_at
from ingest_email.domain.mail import CHANNEL, Envelope, ReadMail, unreadable
from ingest_email.domain.parts import Body, media_type, read_body

# Limits of what goes into an event. The raw bytes have all.
LONGEST_TEXT = 200_000
MOST_REFERENCES = 100
MOST_HEADERS = 300


def read_mail(raw: bytes, envelope: Envelope, accepted_at: datetime, ours: OurMail) -> ReadMail:
    """Reads a mail. What can't be read becomes a defect; raises MemoryError only."""
    try:
        message, headers, defects = _parsed(raw)
        if not _is_read_alike(raw, headers, "From"):
            headers.doubtful.add("from")
        interaction_id = _identity(raw, headers)
        return _read(raw, envelope, accepted_at, ours, message, headers, defects, interaction_id)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as promised; the raw bytes are stored, and a defect names the failure
        return unreadable(raw, envelope, accepted_at, ours)


def _parsed(raw: bytes) -> tuple[Message, Headers, list[str]]:
    try:
        message = mime.parse(raw)
        defects = _defects(message)
        if "missing-header-body-separator" in defects:
            # The parser ends the headers at a line that is no header. The ones below it are headers, too.
            message = mime.parse(_repaired(raw))
        return message, Headers.of(message), defects
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the parser raises on some mails
        head, body = _halves(raw)
        message = Message()
        message.set_payload(charsets.decode(body, None).text.encode("utf-8", "replace").decode("utf-8"))
        fields = re.findall(rb"(?m)^([!-9;-~]{1,100}):[ \t]?((?:[^\n]*)(?:\n[ \t][^\n]*)*)", head[:500_000])
        items = [(name.decode("ascii"), charsets.decode(value, None).text) for name, value in fields]
        return message, Headers(items), ["mime-broken"]


def _is_read_alike(raw: bytes, headers: Headers, name: str) -> bool:
    """Whether every program reads the same in this header: the one that checked the sender has read it."""
    readings = heads.readings(raw, name)
    return readings is not None and all(
        Headers([(name, value) for value in values]).all(name) == headers.all(name) for values in readings
    )


def _repaired(raw: bytes) -> bytes:
    """`raw` without the lines among its headers that are no headers, and without spaces before the colons."""
    head, body = _halves(raw)
    kept = [
        re.sub(rb"^([!-9;-~]+)[ \t]+:", rb"\1:", line)
        for line in head.split(b"\n")
        if re.match(rb"[!-9;-~]+[ \t]*:|[ \t]+\S", line)
    ]
    return b"\n".join(kept) + b"\n\n" + body if len(kept) > 1 else raw


def _defects(message: Message) -> list[str]:
    """The defects that the parser found, e.g. `missing-header-body-separator`."""
    names = [type(defect).__name__.removesuffix("Defect") for defect in message.defects]
    return [re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower() for name in names]


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text.startswith(b"\n"):
        return b"", text[1:]
    head, _, body = text.partition(b"\n\n")
    return head, body


def _identity(raw: bytes, headers: Headers) -> UUID:
    """The same for one mail through any entry point, different for two mails with one Message-ID: see ADR 5."""
    body = b"\n".join(line.rstrip() for line in _halves(raw)[1].split(b"\n")).rstrip()
    identifying = [headers.raw(name) for name in ("Message-ID", "From", "Date", "Subject")]
    return ids.interaction_id(CHANNEL, *identifying, hashlib.sha256(body).hexdigest())


def _read(
    raw: bytes,
    envelope: Envelope,
    accepted_at: datetime,
    ours: OurMail,
    message: Message,
    headers: Headers,
    defects: list[str],
    interaction_id: UUID,
) -> ReadMail:
    body = read_body(message)
    content, content_defects = _content(body, headers)
    who = correspondents(headers, envelope.sender, ours)
    occurred_at, date_defect = sent_at(headers, accepted_at)
    message_ids = headers.message_ids("Message-ID")
    recipients = [
        *envelope.recipients,
        *headers.addresses("Delivered-To", "X-Original-To", "To", "Cc"),
    ]
    account = ours.first_account(envelope.recipients) or ours.first_account(recipients)
    writer = automation.recognise(
        headers,
        sender=who.authors[0].address if who.authors else None,
        null_sender=envelope.sender == "" or headers.raw("Return-Path") == "<>",
        report=_report_type(message),
        ours=ours,
    )
    bounce = read_bounce(message, headers, raw, content.text) if writer is Automation.BOUNCE else None
    answers = [*([bounce.original] if bounce and bounce.original else []), *_answers(headers)]
    defects = [*defects, *body.defects, *content_defects, *who.defects]
    defects += [date_defect] if date_defect else []
    defects += [] if message_ids else ["message-id-missing"]
    interaction = Interaction(
        interaction_id=interaction_id,
        channel=CHANNEL,
        account=account.address if account else ours.accounts[0].address,
        visibility=Visibility.PRIVATE,
        speaker=Speaker(
            address=identifiers.email(who.speaker.address) if who.speaker else None,
            name=who.speaker.name if who.speaker else None,
        ),
        content=content,
        attachments=[
            Attachment(
                attachment_id=ids.derived_id("attachment", str(interaction_id), str(place), file.sha256),
                filename=file.filename,
                media_type=file.media_type,
                size_bytes=len(file.data),
                sha256=file.sha256,
            )
            for place, file in enumerate(body.files)
        ],
        thread=Thread(
            native_id=message_ids[0] if message_ids else f"<{interaction_id}@no-message-id.invalid>",
            answers=list(dict.fromkeys(answers))[:MOST_REFERENCES],
            case_token=ours.case_token(recipients),
        ),
        recipient=who.recipient,
        return_path=who.return_path,
        occurred_at=occurred_at,
        accepted_at=accepted_at,
        automation=writer,
        defects=list(dict.fromkeys(defects)),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
    )
    return ReadMail(
        interaction,
        envelope,
        message_ids[0] if message_ids else None,
        tuple(mailbox.address for mailbox in who.reply_to)[:5],
        tuple([*headers.message_ids("References"), *headers.message_ids("In-Reply-To")][-MOST_REFERENCES:]),
        tuple((shorten(name, 100), shorten(value, 2000)) for name, value in headers.items[:MOST_HEADERS]),
        tuple(body.files),
        bounce,
    )


def _content(body: Body, headers: Headers) -> tuple[Content, list[str]]:
    defects: list[str] = []
    plain = "\n".join(text for text in body.plain if text.strip())
    rendered = html.render("\n".join(body.html)) if any(text.strip() for text in body.html) else None
    if rendered and rendered.defect:
        defects.append(rendered.defect)
    text = plain if plain.strip() or rendered is None else rendered.text
    if len(text) > LONGEST_TEXT:
        defects.append("text-cut")
        text = text[:LONGEST_TEXT]
    parts = words.split(text)
    content = Content(
        subject=shorten(headers.text("Subject"), 1000) or None,
        text=parts.new,
        quoted=parts.quoted,
        signature=parts.signature,
        html=rendered.html if rendered else None,
        language=_language(headers),
    )
    return content, defects


def _language(headers: Headers) -> str | None:
    first = headers.raw("Content-Language").partition(",")[0].strip()
    return first if re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", first) else None


def _answers(headers: Headers) -> list[str]:
    """The Message-IDs of the mails that it answers, the nearest first."""
    return [*headers.message_ids("In-Reply-To"), *reversed(headers.message_ids("References"))]


def _report_type(message: Message) -> str | None:
    if media_type(message) != "multipart/report":
        return None
    try:
        value = message.get_param("report-type")
    except Exception:  # noqa: BLE001 - the parameter may be anything
        value = None
    return str(value or "").lower()
