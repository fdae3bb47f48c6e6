"""Settings of ingest-social."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, Bytes, ServiceSettings


class Settings(ServiceSettings):
    """What ingest-social reads when it starts, from `INGEST_SOCIAL_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_SOCIAL_", extra="ignore", frozen=True)

    http_port: ApiPort = 8102
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
