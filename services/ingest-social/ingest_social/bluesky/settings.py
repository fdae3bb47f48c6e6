"""Settings of Bluesky."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What the environment says of Bluesky, from `INGEST_SOCIAL_BLUESKY_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_BLUESKY_", extra="ignore", frozen=True)

    service: str = Field(
        "https://bsky.social",
        description="Address of the PDS of our accounts. Answers are posted there, and passwords are sent there.",
    )
    stream: str | None = Field(
        None,
        description="Address of the Bluesky relay whose stream is read, e.g. the network's own. Without it the PDS's own stream is "
        "read, which has only the posts of its own accounts.",
    )
    app: str = Field("https://bsky.app", description="Address at which people read posts; used in links.")
