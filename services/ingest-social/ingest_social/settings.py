"""Settings of ingest-social."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, Bytes, ServiceSettings


class Settings(ServiceSettings):
    """What ingest-social reads when it starts, from `INGEST_SOCIAL_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_", extra="ignore", frozen=True)

    http_port: ApiPort = 8102
    secrets: Path = Field(
        description="Folder with the passwords of our accounts, encrypted; `PUT /connections/{name}/secret` writes them. "
        "All replicas use the same folder."
    )
    secrets_key: SecretStr = Field(
        description="Key of that folder: 32 random bytes in URL-safe base64 (Fernet)."
    )
    secrets_previous_key: SecretStr | None = Field(
        None, description="The key before: what it encrypted can still be read."
    )
    retry_first_after: timedelta = Field(
        timedelta(seconds=5),
        description="Wait before the second attempt to send a reply; each wait after it is twice as long.",
    )
    retry_at_most_every: timedelta = Field(
        timedelta(minutes=30), description="The longest wait between two attempts."
    )
    give_up_after: timedelta = Field(
        timedelta(hours=24),
        description="A reply that could not be sent, or a file that could not be fetched, for so long has failed.",
    )
    file_limit_bytes: Bytes = Field(
        100 * 1024 * 1024, description="A file of a post that is larger is not fetched."
    )
