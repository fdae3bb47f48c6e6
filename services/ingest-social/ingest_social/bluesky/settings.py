"""Settings of Bluesky."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What is told of Bluesky in the environment, from `INGEST_SOCIAL_BLUESKY_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_BLUESKY_", extra="ignore", frozen=True)

    service: str = Field(
        description="Address of the PDS that our accounts live on; answers are posted there."
    )
    stream: str | None = Field(
        None,
        description="Address of the relay whose stream is read, e.g. the network's own; the PDS when it is not set, "
        "whose stream has only what its own accounts say.",
    )
    passwords: dict[str, SecretStr] = Field(
        description="JSON object: the password of each account, by its handle."
    )
    app: str = Field("https://bsky.app", description="Where people look at posts; for links only.")
