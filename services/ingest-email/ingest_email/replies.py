"""Replies go out. Each function works in the transaction that its caller opened; nothing here commits."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import actions as delivery
from antiphon.delivery.store import Asked
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.service_names import INGEST_EMAIL
from ingest_email.domain.accounts import OurMail
from ingest_email.domain.compose import Answered, Composed, NotSent, compose
from ingest_email.store import mails, replies


async def take_replies(
    tx: AsyncConnection, requests: Sequence[ReplyRequested], ours: OurMail, now: datetime
) -> None:
    """Composes the mails of these replies, for the sender to send. A reply that must not be sent fails at once."""
    answered = await mails.find_answered_mails(tx, [request.answers for request in requests])
    composed = {
        request.reply_id: compose(request, _answered(answered.get(request.answers)), ours, now)
        for request in requests
    }
    writes = Writes()
    asked = [_asked(request, composed[request.reply_id]) for request in requests]
    new = await delivery.take(tx, writes, asked, source=INGEST_EMAIL, now=now)
    replies.put_outgoing_mails(
        writes, {reply_id: mail for reply_id in new if isinstance(mail := composed[reply_id], Composed)}
    )
    await writes.send(tx)


def _asked(request: ReplyRequested, composed: Composed | NotSent) -> Asked:
    if isinstance(composed, NotSent):
        return Asked(request, destination="", refused=composed.reason)
    return Asked(request, destination=composed.recipient.rpartition("@")[2].lower())


def _answered(row: AnyRow | None) -> Answered | None:
    if row is None:
        return None
    return Answered(
        row.message_id, row.sender, row.sender_name, row.return_path, row.subject, tuple(row.mail_references),
        row.automation, row.text, datetime.fromisoformat(row.written_at),
    )  # fmt: skip
