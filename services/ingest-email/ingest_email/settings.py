"""Settings of ingest-email: the environment variables `INGEST_EMAIL_*`."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings

Tls = Literal["none", "starttls", "implicit"]


class ImapMailbox(BaseModel):
    """A mailbox that the service reads by IMAP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        description="The name of the mailbox in logs and of its cursor. Never give it to another mailbox."
    )
    host: str = Field(description="Host of the IMAP server.")
    port: int = Field(description="Port of the IMAP server.")
    user: str = Field(description="Name to log in with.")
    secret: SecretStr = Field(description="Password to log in with.")
    folder: str = Field(default="INBOX", description="The folder that is read.")
    tls: Tls = Field(default="implicit", description="How the connection is encrypted.")
    account: str | None = Field(
        default=None, description="Our address that a mail was sent to when its headers name none of ours."
    )


class Settings(ServiceSettings):
    """The settings of ingest-email; those of every service come with them."""

    model_config = SettingsConfigDict(env_prefix="INGEST_EMAIL_", extra="ignore", frozen=True)

    http_port: int = 8101
    smtp_host: str = Field("127.0.0.1", description="Address on which the SMTP server listens.")
    smtp_port: int = Field(2525, description="Port on which the SMTP server listens.")
    smtp_certificate: Path | None = Field(
        None, description="PEM file of the certificate chain; with `smtp_key` the server offers STARTTLS."
    )
    smtp_key: Path | None = Field(None, description="PEM file of the key of `smtp_certificate`.")
    size_limit: int = Field(
        50 * 1024 * 1024, description="The size of the largest mail that is accepted, in bytes."
    )
    read_workers: int = Field(
        2, ge=1, description="How many worker processes read mails, one mail at a time each."
    )
    read_cpu_limit: timedelta = Field(
        timedelta(seconds=5),
        gt=timedelta(0),
        description="CPU time that a worker may use for one mail. A mail that needs more is kept as unreadable. "
        "The default is twice what a mail of `size_limit` takes.",
    )
    read_memory_limit: int = Field(
        1024 * 1024 * 1024,
        gt=0,
        description="Memory that a worker may allocate, in bytes. The default is about three times what a mail of "
        "`size_limit` takes.",
    )
    read_time_limit: timedelta = Field(
        timedelta(minutes=1),
        gt=timedelta(0),
        description="How long a worker may take for one mail by the clock.",
    )
    mailboxes: list[ImapMailbox] = Field(
        [], description="JSON list of the mailboxes that the service reads by IMAP."
    )
    idle_renewed_after: timedelta = Field(
        timedelta(minutes=10),
        description="When IDLE is renewed. RFC 2177 asks for less than 29 minutes.",
    )
    relay_host: str = Field("127.0.0.1", description="Host of the mail relay that sends our mails.")
    relay_port: int = Field(25, description="Port of the mail relay.")
    relay_user: str | None = Field(
        None, description="Name to log in to the mail relay with, if it asks for one."
    )
    relay_secret: SecretStr | None = Field(None, description="Password to log in to the mail relay with.")
    relay_tls: Tls = Field("none", description="How the connection to the mail relay is encrypted.")
    send_timeout: timedelta = Field(
        timedelta(minutes=2), description="How long one attempt to send may take."
    )
    sends_at_once: int = Field(20, description="How many mails are sent at once.")
    sends_at_once_per_destination: int = Field(
        4, description="How many mails are sent at once to one domain."
    )
    retry_first_after: timedelta = Field(
        timedelta(minutes=1), description="The pause after the first failed attempt; it doubles with each."
    )
    retry_at_most_every: timedelta = Field(
        timedelta(hours=1), description="The longest pause between two attempts."
    )
    give_up_after: timedelta = Field(
        timedelta(days=3), description="How long after its request a reply is attempted; then it fails."
    )
