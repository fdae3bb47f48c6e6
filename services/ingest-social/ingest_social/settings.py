"""Settings of ingest-social."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of ingest-social, from `INGEST_SOCIAL_*`; those of every service come with them."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_", extra="ignore", frozen=True)

    http_port: int = 8102
    retry_first_after: timedelta = Field(
        timedelta(seconds=5), description="The pause after the first failed attempt; it doubles with each."
    )
    retry_at_most_every: timedelta = Field(
        timedelta(minutes=30), description="The longest pause between two attempts."
    )
    give_up_after: timedelta = Field(
        timedelta(hours=24),
        description="How long after its request a reply is attempted, and how long after its post a file is fetched.",
    )
    file_limit_bytes: int = Field(
        100 * 1024 * 1024, description="The size of the largest file of a post that is fetched, in bytes."
    )
