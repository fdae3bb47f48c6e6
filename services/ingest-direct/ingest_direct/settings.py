"""Settings of ingest-direct."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """What ingest-direct reads when it starts, from `INGEST_DIRECT_*`."""

    model_config = SettingsConfigDict(env_prefix="INGEST_DIRECT_", extra="ignore", frozen=True)

    http_port: int = 8103
    max_attachment_bytes: int = 25 * 1024 * 1024
    unused_attachment_kept_for: timedelta = timedelta(hours=24)
