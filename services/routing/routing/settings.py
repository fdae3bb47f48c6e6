"""Settings of routing."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, ServiceSettings


class Settings(ServiceSettings):
    """What routing reads when it starts, from `ROUTING_*`."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", extra="ignore", frozen=True)

    http_port: ApiPort = 8130
    trials_kept_for: timedelta = Field(
        timedelta(days=90),
        description="How long a trial is kept after its end. The result of a trial that a version cites is kept for ever.",
    )
    offer_again_after: timedelta = Field(
        timedelta(seconds=60),
        description="When nobody else can take the work, an agent who declined it is offered it again after this.",
    )
