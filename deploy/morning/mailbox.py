"""A person with a mailbox: sends mail by SMTP and reads the answers by IMAP."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default
from email.utils import format_datetime

import aiosmtplib
from imapclient import IMAPClient


@dataclass(frozen=True)
class Mailbox:
    """A mailbox on the customers' mail server."""

    address: str
    password: str
    host: str
    imap_port: int

    async def answer_to(self, message_id: str) -> EmailMessage | None:
        """The mail that has `message_id` in In-Reply-To; None until it has arrived."""
        return await asyncio.to_thread(self._answer_to, message_id)

    def _answer_to(self, message_id: str) -> EmailMessage | None:
        with IMAPClient(self.host, self.imap_port, ssl=False) as client:
            client.login(self.address, self.password)
            client.select_folder("INBOX", readonly=True)
            for data in client.fetch(client.search(), ["BODY.PEEK[]"]).values():
                body = data[b"BODY[]"]
                if not isinstance(body, bytes):
                    raise TypeError(f"the IMAP server sent {type(body)} instead of the bytes of a mail")
                mail = BytesParser(EmailMessage, policy=default).parsebytes(body)
                if mail["In-Reply-To"] == message_id:
                    return mail
        return None


def compose(
    *,
    sender: str,
    name: str,
    to: str,
    subject: str,
    text: str,
    message_id: str,
    now: datetime,
    answers: EmailMessage | None = None,
    headers: dict[str, str] | None = None,
    charset: str = "utf-8",
) -> bytes:
    """The bytes of a mail. `answers` is the mail that it answers: it is threaded and quoted, as mail programs do.

    `charset` is only declared; the bytes are UTF-8, as broken mail programs send them.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{name} <{sender}>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id
    for header, value in (headers or {}).items():
        mail[header] = value
    if answers is not None:
        mail["In-Reply-To"] = answers["Message-ID"]
        mail["References"] = " ".join(filter(None, [answers["References"], answers["Message-ID"]]))
        body = answers.get_body(("plain",))
        quoted = body.get_content() if body else ""
        text += f"\nOn {answers['Date']}, {answers['From']} wrote:\n"
        text += "".join(f"> {line}\n" for line in quoted.splitlines())
    mail.set_content(text, cte="8bit")
    return mail.as_bytes().replace(b'charset="utf-8"', f'charset="{charset}"'.encode())


async def send(host: str, port: int, *, sender: str, to: str, mail: bytes) -> None:
    """Sends the mail to a server. Raises aiosmtplib.SMTPException when the server refuses it."""
    async with aiosmtplib.SMTP(hostname=host, port=port) as server:
        await server.sendmail(sender, [to], mail)
