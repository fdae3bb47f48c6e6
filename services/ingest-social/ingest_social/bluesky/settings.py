"""Settings of Bluesky."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from antiphon.process.settings import Measure


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
    reply_parts: Annotated[int, Measure("parts")] = Field(
        3,
        ge=1,
        le=99,
        description="A reply that would be posted in more parts is refused, before it is written where that is known.",
    )
    app: str = Field("https://bsky.app", description="Address at which people read posts; used in links.")
