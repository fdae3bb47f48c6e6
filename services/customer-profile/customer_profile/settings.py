"""Settings of customer-profile."""

from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """What customer-profile reads when it starts, from `CUSTOMER_PROFILE_*`."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMER_PROFILE_", extra="ignore", frozen=True)

    http_port: int = 8110
