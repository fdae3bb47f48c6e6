"""What ingest-email does: one verb, one function, one transaction that the caller opened. Nothing here commits."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import entry_counts, ids
from antiphon.contracts.envelope import encode
from antiphon.contracts.fitting import fitted
from antiphon.contracts.interactions import Interaction, InteractionReceived
from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import actions as delivery
from antiphon.delivery.store import Asked
from antiphon.entry_counts import Outcome
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import INGEST_EMAIL
from antiphon.text import clean, shorten
from ingest_email import store
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.compose import Answered, Composed, NotSent, compose
from ingest_email.domain.mail import ReadMail


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
        told = encode(
            event,
            source=INGEST_EMAIL,
            time=interaction.accepted_at,
            traceparent=tracing.current(),
            event_id=event_id,
        )
        outbox.put(writes, [told])
        await _report_bounce(tx, read)
    entry_counts.put(
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
    reply_id = await store.reply_of(tx, bounce.original)
    if reply_id is not None:
        now = read.interaction.accepted_at
        await delivery.report_returned(tx, reply_id, bounce.reason, source=INGEST_EMAIL, now=now)


async def set_aside(tx: AsyncConnection, reason: str, via: str) -> None:
    """Counts a mail that stays where it is, with the reason."""
    await entry_counts.insert(
        tx, [{"interaction_id": None, "outcome": Outcome.QUARANTINED, "reason": reason, "via": via}]
    )


async def take_replies(
    tx: AsyncConnection, requests: Sequence[ReplyRequested], ours: OurMail, now: datetime
) -> None:
    """Composes what was asked for and lets it wait to be sent; what must not be sent has failed at once."""
    answered = await store.answered_mails(tx, [request.answers for request in requests])
    made = {
        request.reply_id: compose(request, _answered(answered.get(request.answers)), ours, now)
        for request in requests
    }
    writes = Writes()
    asked = [_asked(request, made[request.reply_id]) for request in requests]
    new = await delivery.take(tx, writes, asked, source=INGEST_EMAIL, now=now)
    store.put_outgoing_mails(
        writes, {reply_id: mail for reply_id in new if isinstance(mail := made[reply_id], Composed)}
    )
    await writes.send(tx)


def _asked(request: ReplyRequested, made: Composed | NotSent) -> Asked:
    if isinstance(made, NotSent):
        return Asked(request, destination="", refused=made.reason)
    return Asked(request, destination=made.recipient.rpartition("@")[2].lower())


def _answered(row: AnyRow | None) -> Answered | None:
    if row is None:
        return None
    return Answered(
        row.message_id, row.sender, row.sender_name, row.return_path, row.subject, tuple(row.mail_references),
        row.automation, row.words, datetime.fromisoformat(row.written_at),
    )  # fmt: skip
