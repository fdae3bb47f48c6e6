"""Settings of the desktop's back end."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from antiphon.process.settings import Measure, Port, ProcessSettings, shared
from antiphon.service_names import SERVICES

_Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]


class Settings(ProcessSettings):
    """What the desktop's back end reads when it starts, from `DESKTOP_*`."""

    model_config = SettingsConfigDict(env_prefix="DESKTOP_", extra="ignore", frozen=True)

    http_port: Annotated[Port, Field(description="Port on which browsers reach the pages.")] = 8100
    address: _Url = Field(
        "http://localhost:8100",
        description="Address that people open. It must be `https`, but for `localhost`: the cookie is `Secure`. The issuer must "
        "know `<address>/session/callback` as the client's redirect URI and `<address>/` for the way back after signing out.",
    )
    api_port: Annotated[Port, Field(description="Port on which programs reach the APIs.")] = 8140
    api_signing_keys: Path = Field(
        description="File with a JWK set of private P-256 keys. The first one signs the tokens that API keys are exchanged for; "
        "the public part of each is published. Add a new key behind, restart, make it the first, restart; the old one can go "
        "five minutes later."
    )
    api_requests: Annotated[int, Measure("requests")] = Field(
        1200,
        ge=1,
        description="The most requests of one program or person to the API port in `DESKTOP_API_WINDOW`.",
    )
    api_failures: Annotated[int, Measure("requests")] = Field(
        30,
        ge=1,
        description="The most requests with a wrong secret or token from one address in `DESKTOP_API_WINDOW`. Behind a proxy "
        "uvicorn's `FORWARDED_ALLOW_IPS` must name it, so that the address is the client's.",
    )
    api_window: timedelta = Field(
        timedelta(minutes=1), ge=timedelta(seconds=1), description="The time in which requests are counted."
    )
    gateway_issuer: _Url = Field(  # pyright: ignore[reportIncompatibleVariableOverride] - settings are frozen
        validation_alias=shared("GATEWAY_ISSUER"),
        description="Address of the API port, by which programs reach it. It is the `iss` of the tokens that it issues.",
    )
    pages: Path | None = Field(
        None,
        description="Folder of the built pages: `dist` in `services/desktop/web`, after its build. Without it there are the APIs only.",
    )
    client_id: str = Field("antiphon-desktop", description="The desktop's client id at the issuer.")
    client_secret: SecretStr = Field(description="The desktop's client secret at the issuer.")
    scope: str = Field(
        "openid profile offline_access",
        description="Scopes that the desktop asks for when a person signs in. Without a refresh token a session ends with "
        "its access token.",
    )
    sessions_key: SecretStr = Field(
        description="Key with which the database keeps the tokens of sessions: 32 random bytes in URL-safe base64 (Fernet). "
        "Another key signs everybody out."
    )
    idle_after: timedelta = Field(
        timedelta(hours=1),
        gt=timedelta(0),
        description="A session ends when its browser was closed or away this long.",
    )
    session_ends_after: timedelta = Field(
        timedelta(hours=12), gt=timedelta(0), description="A session ends this long after the sign-in."
    )
    ingest_email_url: _Url = Field("http://127.0.0.1:8101", description="Address of ingest-email.")
    ingest_social_url: _Url = Field("http://127.0.0.1:8102", description="Address of ingest-social.")
    ingest_direct_url: _Url = Field("http://127.0.0.1:8103", description="Address of ingest-direct.")
    customer_profile_url: _Url = Field("http://127.0.0.1:8110", description="Address of customer-profile.")
    case_mgmt_url: _Url = Field("http://127.0.0.1:8120", description="Address of case-mgmt.")
    routing_url: _Url = Field("http://127.0.0.1:8130", description="Address of routing.")

    @property
    def services(self) -> dict[str, str]:
        """The addresses of the services by their names."""
        return {name: getattr(self, f"{name.replace('-', '_')}_url") for name in SERVICES}
