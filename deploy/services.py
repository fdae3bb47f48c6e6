"""The services and the desktop as processes: the environment of each, the migration of its database, its start."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
from pydantic import SecretStr

from antiphon.connections.secrets import Secrets
from antiphon.service_names import DESKTOP, PROCESSES, SERVICES
from deploy import keys
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.processes import Process, StartError
from deploy.site import PROJECT, Site

PAGES = PROJECT / "services" / "desktop" / "web" / "dist"
SOCIAL_HANDLE = "cityofbanksia.test"
# The services run the code of this checkout, also when the virtual environment was set up from another one.
CODE = os.pathsep.join(
    str(PROJECT / path) for path in ("shared", *(f"services/{name}" for name in PROCESSES))
)


def environment(site: Site, service: str, postgres: Postgres, kafka: Kafka) -> dict[str, str]:
    """The environment variables of a service. They have its secrets, except those of its connections."""
    own = service.replace("-", "_").upper()
    settings = {
        "ANTIPHON_ISSUER": site.issuer,
        "ANTIPHON_AUDIENCE": keys.AUDIENCE,
        "ANTIPHON_JWKS": str(keys.jwks(site.secrets)),
        "ANTIPHON_GATEWAY_ISSUER": site.apis,
        "ANTIPHON_SWAGGER_UI": str(PROJECT / "deploy" / "node" / "node_modules" / "swagger-ui-dist"),
        f"{own}_DATABASE_URL": postgres.url(service),
        f"{own}_HTTP_PORT": str(site.port(service)),
        "PYTHONPATH": CODE,
        "PYTHONUNBUFFERED": "1",
    }
    if service == DESKTOP:
        return settings | _desktop(site)
    settings |= {"ANTIPHON_KAFKA": kafka.bootstrap, "ANTIPHON_ORGANISATION": str(site.organisation)}
    if service == "ingest-email":
        settings |= {
            "INGEST_EMAIL_SMTP_PORT": str(site.ports.smtp),
            "INGEST_EMAIL_RELAY_HOST": "127.0.0.1",
            "INGEST_EMAIL_RELAY_PORT": str(site.ports.world_smtp),
        }
    if service == "ingest-social":
        settings |= {
            "INGEST_SOCIAL_BLUESKY_SERVICE": _pds(site),
        }
    if service in {"ingest-email", "ingest-social"}:
        settings |= {
            f"{own}_SECRETS": str(_connections(site, service)),
            f"{own}_SECRETS_KEY": keys.encryption_key(site.secrets, "connections-key"),
        }
    if service == "case-mgmt":
        settings["CASE_MGMT_CASE_TOKEN_SECRET"] = keys.secret(site.secrets, "case-token")
    return settings


def _desktop(site: Site) -> dict[str, str]:
    addresses = {f"DESKTOP_{name.replace('-', '_').upper()}_URL": site.url(name) for name in SERVICES}
    return {
        "DESKTOP_ADDRESS": site.pages,
        "DESKTOP_PAGES": str(PAGES),
        "DESKTOP_API_PORT": str(site.ports.desktop_api),
        "DESKTOP_API_SIGNING_KEYS": str(keys.gateway_keys(site.secrets)),
        "DESKTOP_CLIENT_SECRET": keys.secret(site.secrets, "desktop-client"),
        "DESKTOP_SESSIONS_KEY": keys.encryption_key(site.secrets, "sessions-key"),
        **addresses,
    }


def _pds(site: Site) -> str:
    return f"http://127.0.0.1:{site.ports.pds}"


def _connections(site: Site, service: str) -> Path:
    return site.secrets / "connections" / service


def store_secrets(site: Site) -> None:
    """Stores the password of the Bluesky account of the example, where ingest-social reads it."""
    key = SecretStr(keys.encryption_key(site.secrets, "connections-key"))
    password = keys.secret(site.secrets, "social-account")
    Secrets(_connections(site, "ingest-social"), key).store(f"bluesky:{SOCIAL_HANDLE}", _pds(site), password)


def migrate(site: Site, postgres: Postgres, kafka: Kafka) -> None:
    """Migrates the database of every service and of the desktop to its newest revision. Raises StartError."""
    settings: dict[str, str] = {}
    for service in PROCESSES:
        settings |= environment(site, service, postgres, kafka)
    packages = [service.replace("-", "_") for service in PROCESSES]
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.postgres.migrations", *packages],
        env=settings,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    if done.returncode:
        raise StartError(f"the databases could not be migrated: {done.stderr.strip()[-800:]}")


def process(site: Site, service: str, postgres: Postgres, kafka: Kafka) -> Process:
    """The service as a process that is not started yet."""
    return Process(
        service,
        [sys.executable, "-m", "antiphon.process.launch", service.replace("-", "_")],
        site.logs / f"{service}.log",
        environment(site, service, postgres, kafka),
        folder=PROJECT,
    )


def is_ready(site: Site, service: str) -> bool:
    """Whether the service answers that it is ready."""
    try:
        return httpx.get(f"{site.url(service)}/readyz", timeout=2).is_success
    except httpx.HTTPError:
        return False
