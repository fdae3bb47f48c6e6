"""Settings of ingest-email."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, Bytes, Measure, Port, ServiceSettings

Tls = Literal["none", "starttls", "implicit"]
Processes = Annotated[int, Measure("processes")]
Mails = Annotated[int, Measure("mails")]


class Settings(ServiceSettings):
    """What ingest-email reads when it starts, from `INGEST_EMAIL_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_EMAIL_", extra="ignore", frozen=True)

    http_port: ApiPort = 8101
    smtp_host: str = Field("127.0.0.1", description="Address on which the service receives mail by SMTP.")
    smtp_port: Port = Field(2525, description="Port on which the service receives mail by SMTP.")
    smtp_certificate: Path | None = Field(
        None, description="Certificate chain (PEM). With `INGEST_EMAIL_SMTP_KEY` the service offers STARTTLS."
    )
    smtp_key: Path | None = Field(None, description="Private key of the certificate (PEM).")
    size_limit: Bytes = Field(50 * 1024 * 1024, description="The service refuses a mail that is larger.")
    read_workers: Processes = Field(
        2, ge=1, description="Processes that read mails. Each reads one mail at a time."
    )
    read_cpu_limit: timedelta = Field(
        timedelta(seconds=5),
        gt=timedelta(0),
        description="CPU time to read one mail: twice what a mail of `INGEST_EMAIL_SIZE_LIMIT` takes. A mail that needs more is "
        "kept unread.",
    )
    read_memory_limit: Bytes = Field(
        1024 * 1024 * 1024,
        gt=0,
        description="Memory of a process that reads mails: about three times what a mail of `INGEST_EMAIL_SIZE_LIMIT` takes.",
    )
    read_time_limit: timedelta = Field(
        timedelta(minutes=1),
        gt=timedelta(0),
        description="Time by the clock to read one mail. A mail that needs more is kept unread.",
    )
    secrets: Path = Field(
        description="Folder with the passwords of IMAP mailboxes, encrypted; `PUT /connections/{name}/secret` writes them. "
        "All replicas use the same folder."
    )
    secrets_key: SecretStr = Field(
        description="Key of that folder: 32 random bytes in URL-safe base64 (Fernet)."
    )
    secrets_previous_key: SecretStr | None = Field(
        None, description="The key before: what it encrypted can still be read."
    )
    idle_renewed_after: timedelta = Field(
        timedelta(minutes=10),
        description="The service renews IMAP's IDLE after this; a server may end it after 30 minutes (RFC 2177).",
    )
    relay_host: str = Field("127.0.0.1", description="Host of the mail server that sends our replies.")
    relay_port: Port = Field(25, description="Port of that mail server.")
    relay_user: str | None = Field(
        None, description="User name at that mail server. Without it the service does not log in."
    )
    relay_secret: SecretStr | None = Field(None, description="Password at that mail server.")
    relay_tls: Tls = Field("none", description="Encryption of the connection to that mail server.")
    send_timeout: timedelta = Field(
        timedelta(minutes=2), description="The longest time that one attempt to send may take."
    )
    sends_at_once: Mails = Field(20, description="The most mails that are being sent at one time.")
    sends_at_once_per_destination: Mails = Field(
        4, description="The most mails that are being sent to one destination at one time."
    )
    retry_first_after: timedelta = Field(
        timedelta(minutes=1),
        description="Wait before the second attempt to send a reply; each wait after it is twice as long.",
    )
    retry_at_most_every: timedelta = Field(
        timedelta(hours=1), description="The longest wait between two attempts."
    )
    give_up_after: timedelta = Field(
        timedelta(days=3), description="A reply that could not be sent for so long has failed (`gave-up`)."
    )
