"""What ingest-email does: one verb, one function, one transaction that the caller opened. Nothing here commits."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids, outbox, tally, tracing
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.fitting import fitted
from antiphon.contracts.interactions import Interaction, InteractionReceived
from antiphon.contracts.replies import FailureOutcome, ReplyFailed, ReplyRequested, ReplySent
from antiphon.database import AnyRow, Writes, insert_rows
from antiphon.tally import Outcome
from antiphon.text import clean, shorten
from ingest_email import store
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.attempts import Ended, State, Verdict
from ingest_email.domain.compose import Answered, Composed, NotSent, compose, message_id_of
from ingest_email.domain.mail import ReadMail

SERVICE = "ingest-email"


class Via(StrEnum):
    """Which door a mail came through."""

    SMTP = "smtp"
    IMAP = "imap"


async def keep_mail(tx: AsyncConnection, raw: bytes, read: ReadMail, via: str) -> Outcome:
    """Keeps a mail with its files, tells of it, and counts the delivery. The same mail again is only counted."""
    interaction = fitted(read.interaction)
    is_new = await store.add_mail(tx, _mail_row(raw, read, interaction))
    outcome = Outcome.ACCEPTED if is_new else Outcome.DUPLICATE
    writes = Writes()
    if is_new:
        await store.add_attachments(tx, _attachment_rows(read))
        event = InteractionReceived(interaction=interaction)
        event_id = ids.event_id(event.type, str(interaction.interaction_id))
        outbox.put(writes, [_outgoing(event, interaction.accepted_at, event_id)])
        await _report_bounce(tx, read)
    tally.put(
        writes,
        [{"interaction_id": interaction.interaction_id, "outcome": outcome, "reason": None, "via": via}],
    )
    await writes.send(tx)
    return outcome


def _mail_row(raw: bytes, read: ReadMail, interaction: Interaction) -> dict[str, object]:
    address = interaction.speaker.address
    return {
        "interaction_id": interaction.interaction_id,
        "message_id": read.message_id,
        "account": interaction.account,
        "sender": address.value if address else None,
        "sender_name": interaction.speaker.name,
        "reply_to": list(read.reply_to),
        "subject": interaction.content.subject,
        "mail_references": list(read.references),
        "automation": interaction.automation,
        "defects": interaction.defects,
        "headers": [list(header) for header in read.headers],
        "interaction": interaction.model_dump(mode="json"),
        "raw": raw,
        "raw_sha256": interaction.raw_sha256,
        "size_bytes": len(raw),
        "received_at": interaction.accepted_at,
        "mail_from": _kept(read.envelope.sender),
        "peer": _kept(read.envelope.peer),
        "helo": _kept(read.envelope.helo),
    }


def _kept(text: str | None) -> str | None:
    return None if text is None else shorten(clean(text), 500)


def _attachment_rows(read: ReadMail) -> list[dict[str, object]]:
    return [
        {
            "attachment_id": told.attachment_id,
            "interaction_id": read.interaction.interaction_id,
            "filename": file.filename,
            "media_type": file.media_type,
            "content_id": file.content_id,
            "sha256": file.sha256,
            "data": file.data,
        }
        for told, file in zip(read.interaction.attachments, read.files, strict=True)
    ]


async def _report_bounce(tx: AsyncConnection, read: ReadMail) -> None:
    """A reply of ours that came back for good has failed, though it was sent."""
    bounce = read.bounce
    if bounce is None or bounce.original is None or not bounce.is_permanent:
        return
    now = read.interaction.accepted_at
    row = await store.bounced(tx, bounce.original, bounce.reason, now)
    if row is not None:
        request = ReplyRequested.model_validate(row.request)
        failed = _failed(request, FailureOutcome.REFUSED, bounce.reason, row.attempts, now)
        await outbox.publish(tx, [_outgoing(failed, now)])


async def set_aside(tx: AsyncConnection, reason: str, via: str) -> None:
    """Counts a mail that stays where it is, with the reason."""
    await tally.count_deliveries(
        tx, [{"interaction_id": None, "outcome": Outcome.SET_ASIDE, "reason": reason, "via": via}]
    )


async def take_replies(
    tx: AsyncConnection, requests: Sequence[ReplyRequested], ours: OurMail, now: datetime
) -> None:
    """Composes what was asked for and lets it wait to be sent; what must not be sent has failed at once."""
    answered = await store.answered_mails(tx, [request.answers for request in requests])
    composed = [
        (request, compose(request, _answered(answered.get(request.answers)), ours, now))
        for request in requests
    ]
    rows = [_sending_row(request, made, ours, now) for request, made in composed]
    new = await insert_rows(tx, store.SENDING, rows, then="on conflict do nothing returning reply_id")
    taken: set[UUID] = {row.reply_id for row in new}
    failed = [
        _failed(request, FailureOutcome.REFUSED, made.reason, 0, now)
        for request, made in composed
        if isinstance(made, NotSent) and request.reply_id in taken
    ]
    await outbox.publish(tx, [_outgoing(event, now) for event in failed])


def _answered(row: AnyRow | None) -> Answered | None:
    if row is None:
        return None
    return Answered(
        row.message_id, row.sender, row.sender_name, row.return_path, row.subject, tuple(row.mail_references),
        row.automation, row.words, datetime.fromisoformat(row.written_at),
    )  # fmt: skip


def _sending_row(
    request: ReplyRequested, made: Composed | NotSent, ours: OurMail, now: datetime
) -> dict[str, object]:
    is_ready = isinstance(made, Composed)
    return {
        "reply_id": request.reply_id,
        "case_id": request.case_id,
        "request": request,
        "message_id": message_id_of(request.reply_id, ours.domain),
        "envelope_from": made.envelope_from if is_ready else None,
        "recipient": made.recipient if is_ready else None,
        "destination": made.recipient.rpartition("@")[2].lower() if is_ready else "",
        "raw": made.raw if is_ready else None,
        "state": State.WAITING if is_ready else State.FAILED,
        "reason": None if is_ready else made.reason,
        "requested_at": request.requested_at,
        "next_attempt_at": now,
        "ended_at": None if is_ready else now,
    }


async def note_attempt(
    tx: AsyncConnection, row: AnyRow, ended: Ended, told: str, verdict: Verdict, now: datetime
) -> None:
    """Notes how an attempt ended, and tells of it when the reply is settled."""
    await store.end_attempt(tx, row.reply_id, row.attempts, now=now, outcome=ended, told=told)
    is_settled = verdict.state is not State.WAITING
    moved = await store.settle(
        tx,
        row.reply_id,
        row.attempts,
        state=verdict.state,
        reason=None if verdict.state is State.SENT else told,
        next_attempt_at=verdict.next_attempt_at,
        ended_at=now if is_settled else None,
    )
    if not moved or not is_settled:
        return
    request = ReplyRequested.model_validate(row.request)
    if verdict.state is State.SENT:
        event: Event = ReplySent(
            reply_id=request.reply_id,
            case_id=request.case_id,
            channel=request.channel,
            case_revision=request.case_revision,
            native_ids=[row.message_id],
            author=request.author,
            sent_at=now,
        )
    else:
        outcome = FailureOutcome.GAVE_UP if verdict.gave_up else FailureOutcome.REFUSED
        event = _failed(request, outcome, told, row.attempts, now)
    await outbox.publish(tx, [_outgoing(event, now)])


def _failed(
    request: ReplyRequested, outcome: FailureOutcome, reason: str, attempts: int, now: datetime
) -> ReplyFailed:
    return ReplyFailed(
        reply_id=request.reply_id,
        case_id=request.case_id,
        channel=request.channel,
        case_revision=request.case_revision,
        outcome=outcome,
        reason=reason,
        attempts=attempts,
        failed_at=now,
    )


def _outgoing(event: Event, now: datetime, event_id: UUID | None = None) -> Outgoing:
    return encode(event, source=SERVICE, time=now, traceparent=tracing.current(), event_id=event_id)
