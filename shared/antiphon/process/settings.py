"""Settings of a service, read once from the environment. A secret has no default.

What all services share is read from `ANTIPHON_*` (e.g. `ANTIPHON_KAFKA`); a service's own from its own prefix, e.g.
`ROUTING_DATABASE_URL`: a subclass sets `env_prefix`. `docs/settings.md` is made of them: each has a description, and a number
has its `Measure`.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


@dataclass(frozen=True)
class Measure:
    """What the number of a setting counts."""

    name: str


Bytes = Annotated[int, Measure("bytes")]
Port = Annotated[int, Measure("TCP port")]
ApiPort = Annotated[Port, Field(description="Port on which the service serves its API.")]


def shared(name: str) -> AliasChoices:
    """The environment variable of a setting that all services share."""
    return AliasChoices(f"ANTIPHON_{name}", name.lower())


class ProcessSettings(BaseSettings):
    """What every process with an API and a database reads from its environment when it starts."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        description="Address of the service's own database: `postgresql+asyncpg://user:password@host:port/database`."
    )
    http_host: str = Field(
        "127.0.0.1", description="Address on which the service serves its API; `0.0.0.0` is every interface."
    )
    http_port: ApiPort
    log_format: Literal["json", "console"] = Field(
        "json",
        validation_alias=shared("LOG_FORMAT"),
        description="How log lines are written: one JSON object a line, or text for a person.",
    )
    issuer: str = Field(
        validation_alias=shared("ISSUER"), description="`iss` that an access token must have."
    )
    audience: str = Field(
        "antiphon", validation_alias=shared("AUDIENCE"), description="`aud` that an access token must have."
    )
    jwks: str = Field(
        validation_alias=shared("JWKS"),
        description="JWK set with which the signatures of access tokens are checked: a path, or an http(s) address.",
    )
    gateway_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+$",
        validation_alias=shared("GATEWAY_ISSUER"),
        description="Address of the desktop's API port, which is the `iss` of the tokens that it issues for API keys. Without it "
        "only tokens of `ANTIPHON_ISSUER` are accepted.",
    )
    gateway_jwks: str | None = Field(
        None,
        validation_alias=shared("GATEWAY_JWKS"),
        description="JWK set with which the signatures of those tokens are checked: a path, or an http(s) address. Without it: "
        "`<ANTIPHON_GATEWAY_ISSUER>/.well-known/jwks.json`.",
    )
    swagger_ui: Path | None = Field(
        None,
        validation_alias=shared("SWAGGER_UI"),
        description="Folder of the npm package `swagger-ui-dist`, with which `/docs` shows the API. Without it the page is a "
        "list of the operations.",
    )
    role_claim: str = Field(
        "roles",
        min_length=1,
        validation_alias=shared("ROLE_CLAIM"),
        description="Claim of an access token with the roles of its bearer: a list, or a text with spaces between them. "
        "A path reaches an inner claim: `realm_access.roles`. Unknown roles are ignored.",
    )
    subject_claim: str = Field(
        "sub",
        min_length=1,
        validation_alias=shared("SUBJECT_CLAIM"),
        description="Claim of an access token that names its bearer, as `people` in the organisation's file does; a path, too.",
    )
    idempotency_keys_kept_for: timedelta = Field(
        timedelta(hours=24),
        validation_alias=shared("IDEMPOTENCY_KEYS_KEPT_FOR"),
        description="How long a request that is repeated under its `Idempotency-Key` gets the first answer.",
    )


class ServiceSettings(ProcessSettings):
    """What every service that handles events reads besides."""

    kafka: str = Field(
        "127.0.0.1:9092",
        validation_alias=shared("KAFKA"),
        description="Brokers that the client asks first: `host:port`, separated by commas.",
    )
    replica: str = Field(
        default_factory=gethostname,
        validation_alias=shared("REPLICA"),
        description="Name of this process among the replicas of its service. A process that is started again under the same "
        "name gets the same Kafka partitions at once. Without it: the name of the host.",
    )
    organisation: Path = Field(
        validation_alias=shared("ORGANISATION"),
        description="The organisation's YAML file. It seeds a system without a version; later a changed file is a draft of routing.",
    )
    change_log_kept_for: timedelta = Field(
        timedelta(hours=24),
        validation_alias=shared("CHANGE_LOG_KEPT_FOR"),
        description="How long a change stays in the log of changes: a desktop that was away for less resumes its live stream.",
    )
