"""Settings of ingest-direct."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, Bytes, ServiceSettings


class Settings(ServiceSettings):
    """What ingest-direct reads when it starts, from `INGEST_DIRECT_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_DIRECT_", extra="ignore", frozen=True)

    http_port: ApiPort = 8103
    max_attachment_bytes: Bytes = Field(
        25 * 1024 * 1024, description="The API refuses a file that is larger."
    )
    unused_attachment_kept_for: timedelta = Field(
        timedelta(hours=24), description="A file that no interaction has named for so long is deleted."
    )
