"""What ingest-email is told in its environment: `INGEST_EMAIL_*`."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings

Tls = Literal["none", "starttls", "implicit"]


class ImapMailbox(BaseModel):
    """A mailbox that is read by IMAP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Names the mailbox in logs and keeps its cursor: never give it to another.")
    host: str
    port: int
    user: str
    secret: SecretStr
    folder: str = "INBOX"
    tls: Tls = "implicit"
    account: str | None = Field(
        None, description="Our address that its mail was sent to, if the mail does not say."
    )


class Settings(ServiceSettings):
    """The settings of ingest-email."""

    model_config = SettingsConfigDict(env_prefix="INGEST_EMAIL_", extra="ignore", frozen=True)

    http_port: int = 8101
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 2525
    smtp_certificate: Path | None = Field(None, description="PEM chain; with the key, STARTTLS is offered.")
    smtp_key: Path | None = None
    size_limit: int = Field(50 * 1024 * 1024, description="The largest mail that is taken, in bytes.")
    read_workers: int = Field(2, ge=1, description="Processes that read mails, one mail at a time each.")
    read_cpu_limit: timedelta = Field(
        timedelta(seconds=5),
        gt=timedelta(0),
        description="CPU time for one mail: twice what one of `size_limit` takes. One that needs more is kept unread.",
    )
    read_memory_limit: int = Field(
        1024 * 1024 * 1024,
        gt=0,
        description="Bytes of data of such a process: about three times what a mail of `size_limit` takes.",
    )
    read_time_limit: timedelta = Field(
        timedelta(minutes=1), gt=timedelta(0), description="How long one mail may take, CPU time or not."
    )
    mailboxes: list[ImapMailbox] = Field([], description="JSON list of mailboxes that are read by IMAP.")
    idle_renewed_after: timedelta = Field(
        timedelta(minutes=10), description="RFC 2177: well before 29 minutes."
    )
    relay_host: str = "127.0.0.1"
    relay_port: int = 25
    relay_user: str | None = None
    relay_secret: SecretStr | None = None
    relay_tls: Tls = "none"
    send_timeout: timedelta = Field(timedelta(minutes=2), description="The longest one attempt may take.")
    sends_at_once: int = 20
    sends_at_once_per_destination: int = 4
    retry_first_after: timedelta = timedelta(minutes=1)
    retry_at_most_every: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(days=3)
