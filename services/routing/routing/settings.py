"""Settings of routing."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """What routing is told at its start, from `ROUTING_*`."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", extra="ignore", frozen=True)

    http_port: int = 8130
    trials_kept_for: timedelta = timedelta(days=90)  # from their end; results that a version cites stay
    offer_again_after: timedelta = timedelta(seconds=60)  # to who declined, when nobody else can take it
