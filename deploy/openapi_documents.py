"""`make api-types`: the types of the pages, from the OpenAPI documents of the services and the desktop. Nothing needs to run.

Writes `services/desktop/web/src/api/<service>.d.ts`, and `permissions.ts`: which roles may call which operation.
"""

import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets, new_key
from antiphon.connections.states import Connection
from antiphon.http.changes import ChangeFeed
from antiphon.organisation.organisation import Organisation
from antiphon.postgres.engine import create_engine
from antiphon.process.clock import utc_now
from antiphon.service_names import DESKTOP, SERVICES
from deploy.site import EXAMPLE, PROJECT
from desktop.api.parameters import Api
from desktop.documents import Documents
from desktop.sessions.issuer import Issuer
from desktop.sessions.open_streams import OpenStreams
from desktop.sessions.sessions import Sessions
from desktop.settings import Settings
from desktop.streams.services import Services, client
from routing.configuration.active import Configurations

WEB = PROJECT / "services" / "desktop" / "web"
_SECRETS = Secrets(Path("unused"), SecretStr(new_key()))


def application(service: str, name: str = "application") -> FastAPI:
    """The real application of a service, with a database that is never asked. `name` is that of the function which makes it."""
    made: Callable[..., FastAPI] = getattr(import_module(f"{service.replace('-', '_')}.api"), name)
    engine = create_engine("postgresql+asyncpg://nobody@localhost:1/none")
    organisation = ActiveOrganisation.of_file(EXAMPLE)
    parts: dict[str, object] = {
        "engine": engine,
        "access": Access(issuer="https://issuer.example", audience="antiphon", jwks="keys.json"),
        "feed": ChangeFeed(engine),
        "clock": utc_now,
        "configurations": Configurations(),
        "token_secret": "never used",
        "organisation": organisation,
        "max_attachment_bytes": 1000,
        "followed": list,
        "kinds": {},
        "connections": Connections(organisation, _SECRETS, _no_connections, _no_login),
        "at": _desktop(engine),
    }
    return made(**{name: parts[name] for name in inspect.signature(made).parameters})


def _desktop(engine: AsyncEngine) -> Api:
    """What the desktop's routes work with, where nobody signs in."""
    secret = SecretStr(new_key())
    settings = Settings(  # pyright: ignore[reportCallIssue] - the rest has defaults
        database_url=secret, client_secret=secret, sessions_key=secret, issuer="https://issuer.example", jwks="keys.json",
        gateway_issuer="https://desk.example", api_signing_keys=Path("unused"),
    )  # fmt: skip
    http = client(FastAPI())
    issuer = Issuer(settings, http, utc_now)
    streams = OpenStreams(engine, settings.idle_after, utc_now)
    sessions = Sessions(engine, issuer, settings, utc_now)
    services = Services(settings.services, http)
    return Api(settings, sessions, issuer, streams, services, Documents(services, "unused"), utc_now)


def _no_connections(_organisation: Organisation) -> Sequence[Connection]:
    return []


async def _no_login(_connection: Connection) -> None:
    raise AssertionError


def permissions(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """TypeScript with the roles of each operation, by service and operation id."""
    roles = {
        service: {
            operation["operationId"]: operation["x-roles"]
            for operations in document["paths"].values()
            for operation in operations.values()
            if "x-roles" in operation
        }
        for service, document in documents.items()
    }
    return f"export const PERMISSIONS = {json.dumps(roles, indent=2, sort_keys=True)} as const\n"


def write(folder: Path) -> None:
    """Writes the types into a folder. Raises CalledProcessError when a document can't be read."""
    applications = {service: application(service) for service in SERVICES} | {
        DESKTOP: application(DESKTOP, "own")
    }
    documents = {service: app.openapi() for service, app in applications.items()}
    with tempfile.TemporaryDirectory() as temporary:
        for service, document in documents.items():
            source = Path(temporary, f"{service}.json")
            source.write_text(json.dumps(document))
            subprocess.run(
                ["node", "node_modules/openapi-typescript/bin/cli.js", str(source),
                 "-o", str(folder / f"{service}.d.ts"), "--root-types", "--root-types-no-schema-prefix"],
                cwd=WEB, check=True, capture_output=True, text=True,
            )  # fmt: skip
    (folder / "permissions.ts").write_text(permissions(documents))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else WEB / "src" / "api")
