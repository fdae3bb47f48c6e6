"""Mails come in. Each function works in the transaction that its caller opened; nothing here commits."""

from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids
from antiphon.contracts.envelope import encode
from antiphon.contracts.fitting import fitted
from antiphon.contracts.interactions import Interaction, InteractionReceived
from antiphon.delivery import actions as delivery
from antiphon.delivery import entry_counts
from antiphon.delivery.entry_counts import Outcome
from antiphon.kafka import outbox
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import INGEST_EMAIL
from antiphon.text import clean, shorten
from ingest_email.domain.mail import ReadMail
from ingest_email.store import attachments, mails, replies


class Via(StrEnum):
    """The entry point through which a mail came."""

    SMTP = "smtp"
    IMAP = "imap"


async def keep_mail(tx: AsyncConnection, raw: bytes, read: ReadMail, via: str) -> Outcome:
    """Stores a mail with its files, publishes its interaction, and counts the delivery.

    A mail that is stored already is only counted, as a duplicate. A mail that reports that a reply of ours came back for
    good also fails that reply.
    """
    interaction = fitted(read.interaction)
    is_new = await mails.add_mail(tx, _mail_row(raw, read, interaction))
    outcome = Outcome.ACCEPTED if is_new else Outcome.DUPLICATE
    writes = Writes()
    if is_new:
        await attachments.add_attachments(tx, _attachment_rows(read))
        event = InteractionReceived(interaction=interaction)
        record = encode(
            event,
            source=INGEST_EMAIL,
            time=interaction.accepted_at,
            traceparent=tracing.current(),
            event_id=ids.event_id(event.type, str(interaction.interaction_id)),
        )
        outbox.put(writes, [record])
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
        "mail_from": _storable(read.envelope.sender),
        "peer": _storable(read.envelope.peer),
        "helo": _storable(read.envelope.helo),
    }


def _storable(text: str | None) -> str | None:
    return None if text is None else shorten(clean(text), 500)


def _attachment_rows(read: ReadMail) -> list[dict[str, object]]:
    return [
        {
            "attachment_id": attachment.attachment_id,
            "interaction_id": read.interaction.interaction_id,
            "filename": file.filename,
            "media_type": file.media_type,
            "content_id": file.content_id,
            "sha256": file.sha256,
            "data": file.data,
        }
        for attachment, file in zip(read.interaction.attachments, read.files, strict=True)
    ]


async def _report_bounce(tx: AsyncConnection, read: ReadMail) -> None:
    bounce = read.bounce
    if bounce is None or bounce.original is None or not bounce.is_permanent:
        return
    reply_id = await replies.find_reply(tx, bounce.original)
    if reply_id is not None:
        now = read.interaction.accepted_at
        await delivery.report_returned(tx, reply_id, bounce.reason, source=INGEST_EMAIL, now=now)


async def quarantine_mail(tx: AsyncConnection, reason: str, via: str) -> None:
    """Counts a mail that the service leaves in its mailbox, with the reason."""
    await entry_counts.insert(
        tx, [{"interaction_id": None, "outcome": Outcome.QUARANTINED, "reason": reason, "via": via}]
    )
