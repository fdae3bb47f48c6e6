"""Sends replies: hands their mails to the mail relay."""

import asyncio
import contextlib
from functools import partial

import aiosmtplib
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.delivery.attempts import Ended, Result, Schedule
from antiphon.delivery.sender import Limits, Sender
from antiphon.delivery.store import Sending
from antiphon.service_names import INGEST_EMAIL
from ingest_email.domain.compose import Composed
from ingest_email.settings import Settings
from ingest_email.store import replies

# Refusals of our login, not of the mail: RFC 4954.
_LOGIN_REFUSED = {530, 534, 535, 538}


def create_sender(settings: Settings, engine: AsyncEngine) -> Sender[Composed]:
    """The sender of replies by mail. A mail with an unknown outcome is sent again under its Message-ID."""
    return Sender(
        INGEST_EMAIL,
        engine,
        _load,
        partial(attempt, settings),
        Schedule(settings.retry_first_after, settings.retry_at_most_every, settings.give_up_after),
        Limits(settings.sends_at_once, settings.sends_at_once_per_destination, settings.send_timeout),
        recognises_repeats=lambda _: True,
    )


async def _load(tx: AsyncConnection, one: Sending) -> Composed:
    return await replies.find_outgoing_mail(tx, one.reply_id)


async def attempt(settings: Settings, mail: Composed) -> Result:
    """Hands one mail to the relay. A failure of the network or the relay is a result, never an error."""
    handed_over = False
    client = aiosmtplib.SMTP(
        hostname=settings.relay_host,
        port=settings.relay_port,
        username=settings.relay_user,
        password=settings.relay_secret.get_secret_value() if settings.relay_secret else None,
        use_tls=settings.relay_tls == "implicit",
        start_tls=settings.relay_tls == "starttls",
        timeout=settings.send_timeout.total_seconds(),
    )
    try:
        async with asyncio.timeout(settings.send_timeout.total_seconds()):
            await client.connect()
            options = [] if mail.recipient.isascii() else ["SMTPUTF8"]
            await client.mail(mail.envelope_from, options=options, encoding="utf-8")
            await client.rcpt(mail.recipient, encoding="utf-8")
            handed_over = True
            answer = await client.data(mail.raw)
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=5)
        return Result(Ended.ACCEPTED, f"{answer.code} {answer.message}", [mail.message_id])
    except aiosmtplib.SMTPResponseException as error:
        is_final = 500 <= error.code < 600 and error.code not in _LOGIN_REFUSED
        is_before_mail = isinstance(error, aiosmtplib.SMTPConnectResponseError | aiosmtplib.SMTPHeloError)
        return Result(
            Ended.REFUSED if is_final and not is_before_mail else Ended.LATER,
            f"{error.code} {error.message}",
        )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return Result(Ended.UNKNOWN if handed_over else Ended.LATER, f"{type(error).__name__}: {error}")
    finally:
        client.close()
