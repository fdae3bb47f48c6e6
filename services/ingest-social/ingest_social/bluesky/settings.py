"""Settings of Bluesky."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of Bluesky, from `INGEST_SOCIAL_BLUESKY_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_BLUESKY_", extra="ignore", frozen=True)

    service: str = Field(description="Address of the PDS that hosts our accounts; replies are posted there.")
    stream: str | None = Field(
        None,
        description="Address of the relay whose stream is read, e.g. the network's own. Without it the stream of the PDS is "
        "read, which has only the posts of the accounts that it hosts.",
    )
    passwords: dict[str, SecretStr] = Field(
        description="JSON object: the password of each account, by its handle."
    )
    app: str = Field("https://bsky.app", description="Address of the website that shows posts, for links.")
