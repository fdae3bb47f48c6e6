"""Settings of routing."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, ServiceSettings


class Settings(ServiceSettings):
    """The settings of routing, read once from `ROUTING_*` variables when the process starts."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_", extra="ignore", frozen=True)

    http_port: ApiPort = 8130
    trials_kept_for: timedelta = Field(
        timedelta(days=90),
        description="How long routing keeps a trial after its end. It keeps the result of a trial for ever when a version cites it.",
    )
    words_kept_for: timedelta = Field(
        timedelta(days=30),
        description="How long routing keeps the words that rules decided on after their case was answered or its work was dismissed. "
        "Facts such as topics, tone and channel stay.",
    )
    offer_again_after: timedelta = Field(
        timedelta(seconds=60),
        description="How long an agent who declined work is not offered it again. Then they are, when nobody else can take it.",
    )
