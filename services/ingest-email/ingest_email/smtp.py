"""The SMTP server: answers 250 once a mail is stored, 451 while it can't be stored, 550 for an address that is not ours.

Sources: RFC 5321, RFC 3207 (STARTTLS), RFC 6531 (SMTPUTF8).
"""

import asyncio
import socket
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from antiphon.failures import is_transient
from antiphon.process import logs, tracing
from ingest_email import intake
from ingest_email.active_mail import ActiveMail
from ingest_email.domain import mail
from ingest_email.domain.accounts import OurMail
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings

LOG = logs.get(__name__)
TRY_LATER = "451 4.3.0 The mail can't be stored now, please try again later"
MAX_RECIPIENTS = 100


class Transaction(Envelope):
    """One mail of a session. It is read with the addresses by which its first recipient was accepted."""

    ours: OurMail | None = None


class Handler:
    """Answers the commands that aiosmtpd hands over."""

    def __init__(self, engine: AsyncEngine, active: ActiveMail, readers: Readers) -> None:
        self._engine = engine
        self._active = active
        self._readers = readers

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Transaction, address: str, _options: list[str]
    ) -> str:
        """Accepts our own addresses, with or without a plus part."""
        if not envelope.rcpt_tos or envelope.ours is None:
            envelope.ours = self._active.ours
        if envelope.ours.account_of(address) is None:
            return "550 5.1.1 This address is not ours"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Transaction) -> str:  # noqa: N802
        """Stores the mail in one transaction, then answers 250."""
        tracing.enter(tracing.new())
        raw = envelope.original_content or b""
        try:
            read = await self._readers.read(
                raw, _envelope(envelope, session), envelope.ours or self._active.ours
            )
            async with self._engine.begin() as tx:
                outcome = await intake.keep_mail(tx, raw, read, intake.Via.SMTP)
        except Exception as error:  # whatever it is, the sending server keeps the mail and tries again
            if is_transient(error):
                LOG.warning("mail deferred", reason=type(error).__name__)
            else:
                LOG.exception("mail could not be stored")
            return TRY_LATER
        interaction_id = read.interaction.interaction_id
        LOG.info("mail stored", interaction_id=str(interaction_id), outcome=outcome, bytes=len(raw))
        return f"250 2.0.0 Kept as {interaction_id}"

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours never loses a mail: the sending server tries again."""
        LOG.error("SMTP session failed", exc_info=error)
        return TRY_LATER


def _envelope(envelope: Envelope, session: Session) -> mail.Envelope:
    # The library hands over an empty envelope sender as `<>`.
    sender = (envelope.mail_from or "").removeprefix("<>")
    peer = str(session.peer[0]) if session.peer else None
    return mail.Envelope(sender, tuple(envelope.rcpt_tos), peer=peer, helo=session.host_name)


class _Session(SMTP):
    """One connection. A line may be as long as a mail: no mail is refused for its line ends."""

    @override
    def _create_envelope(self) -> Transaction:
        return Transaction()

    @override
    async def push(self, status: Any) -> None:
        text = status.decode() if isinstance(status, bytes) else str(status)
        if text.startswith(("500 Line too long", "552 Error")):
            text = "552 5.3.4 The mail is too large"
        await super().push(text)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.smtp_certificate is None or settings.smtp_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.smtp_certificate, settings.smtp_key)
    return context


async def listen(
    settings: Settings, engine: AsyncEngine, active: ActiveMail, readers: Readers
) -> asyncio.Server:
    """Starts the server in this event loop. Raises OSError when another program has the port."""
    loop = asyncio.get_running_loop()
    handler = Handler(engine, active, readers)
    tls = _tls(settings)
    kind = type("Session", (_Session,), {"line_length_limit": settings.size_limit + 1024 * 1024})
    return await loop.create_server(
        lambda: kind(
            handler,
            data_size_limit=settings.size_limit,
            enable_SMTPUTF8=True,
            hostname=active.ours.domain,
            ident="ESMTP",
            tls_context=tls,
            loop=loop,
        ),
        settings.smtp_host,
        settings.smtp_port,
        family=socket.AF_INET6 if ":" in settings.smtp_host else socket.AF_INET,
    )


async def serve(settings: Settings, engine: AsyncEngine, active: ActiveMail, readers: Readers) -> None:
    """Serves until it is cancelled."""
    server = await listen(settings, engine, active, readers)
    async with server:
        await server.serve_forever()
