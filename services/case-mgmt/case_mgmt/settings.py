"""Settings of case-mgmt."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import ApiPort, ServiceSettings


class Settings(ServiceSettings):
    """What case-mgmt reads when it starts, from `CASE_MGMT_*`."""

    model_config = SettingsConfigDict(env_prefix="CASE_MGMT_", extra="ignore", frozen=True)

    http_port: ApiPort = 8120
    case_token_secret: SecretStr = Field(
        description="Key that signs the case's number in the address to which a customer answers."
    )
    case_token_previous_secret: SecretStr | None = Field(
        None, description="The key before: customers may still answer to addresses that it signed."
    )
    reopen_closed_within: timedelta = Field(
        timedelta(days=14),
        description="A message reopens a case that was closed for less than this; later it opens a new case.",
    )
