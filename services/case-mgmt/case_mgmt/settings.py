"""Settings of case-mgmt."""

from datetime import timedelta

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ServiceSettings


class Settings(ServiceSettings):
    """What case-mgmt is told at its start, from `CASE_MGMT_*`."""

    model_config = SettingsConfigDict(env_prefix="CASE_MGMT_", extra="ignore", frozen=True)

    http_port: int = 8120
    case_token_secret: SecretStr
    case_token_previous_secret: SecretStr | None = None  # still accepted while mails with it are about
    reopen_closed_within: timedelta = timedelta(days=14)
