"""Settings of a service, read once from the environment. A secret has no default.

What all services share is read from `ANTIPHON_*` (e.g. `ANTIPHON_KAFKA`); a service's own from its own prefix, e.g.
`ROUTING_DATABASE_URL`: a subclass sets `env_prefix`.
"""

from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def shared(name: str) -> AliasChoices:
    """The environment variable of a setting that all services share."""
    return AliasChoices(f"ANTIPHON_{name}", name.lower())


class ServiceSettings(BaseSettings):
    """What every service is told at its start."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr = Field(description="postgresql+asyncpg://user:password@host:port/database")
    http_host: str = "127.0.0.1"
    http_port: int
    kafka: str = Field(
        "127.0.0.1:9092", validation_alias=shared("KAFKA"), description="host:port, comma-separated"
    )
    replica: str = Field(
        default_factory=gethostname,
        validation_alias=shared("REPLICA"),
        description="Names this process among those of its service, and the one that takes its place after it died.",
    )
    organisation: Path = Field(
        validation_alias=shared("ORGANISATION"), description="The organisation's YAML file."
    )
    log_format: Literal["json", "console"] = Field("json", validation_alias=shared("LOG_FORMAT"))
    issuer: str = Field(validation_alias=shared("ISSUER"), description="`iss` that tokens must have.")
    audience: str = Field(
        "antiphon", validation_alias=shared("AUDIENCE"), description="`aud` that tokens must have."
    )
    jwks: str = Field(
        validation_alias=shared("JWKS"), description="Path or http(s) URL of the issuer's JWK set."
    )
    change_log_kept_for: timedelta = Field(
        timedelta(hours=24),
        validation_alias=shared("CHANGE_LOG_KEPT_FOR"),
        description="Live streams resume this far.",
    )
