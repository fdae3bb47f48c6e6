"""Settings of ingest-social."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """What ingest-social is told at its start, from `INGEST_SOCIAL_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_", extra="ignore", frozen=True)

    http_port: int = 8102
    retry_first_after: timedelta = timedelta(seconds=5)
    retry_at_most_every: timedelta = timedelta(minutes=30)
    give_up_after: timedelta = timedelta(hours=24)
    file_limit_bytes: int = Field(100 * 1024 * 1024, description="Larger files of posts are not fetched.")
