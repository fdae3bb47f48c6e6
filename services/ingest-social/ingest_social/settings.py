"""Settings of ingest-social."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.settings import ServiceSettings


class Settings(ServiceSettings):
    """What ingest-social is told at its start, from `INGEST_SOCIAL_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_", extra="ignore", frozen=True)

    http_port: int = 8102
    bluesky_service: str = Field(
        description="Address of the PDS that our account lives on; answers are posted there."
    )
    bluesky_stream: str | None = Field(
        None,
        description="Address of the relay whose stream is read, e.g. the network's own; the PDS when it is not set, "
        "whose stream has only what its own accounts say.",
    )
    bluesky_password: SecretStr
    bluesky_app: str = Field("https://bsky.app", description="Where people look at posts; for links only.")
    retry_first_after: timedelta = timedelta(seconds=5)
    retry_at_most_every: timedelta = timedelta(minutes=30)
    give_up_after: timedelta = timedelta(hours=24)
    file_limit_bytes: int = Field(100 * 1024 * 1024, description="Larger files of posts are not fetched.")
