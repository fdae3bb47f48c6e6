"""The desktop's API port with ingest-direct behind it, on real sockets and real databases; the other services are away."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

import ingest_direct.api
from antiphon.access.roles import Role
from antiphon.access.tokens import Access, Gateway
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http.changes import ChangeFeed
from antiphon.process.clock import Clock, utc_now
from antiphon.service_names import DESKTOP, INGEST_DIRECT, SERVICES
from deploy import keys
from deploy.site import EXAMPLE, PROJECT, Ports
from desktop import api
from desktop.api.gate import Limits
from desktop.api_keys.signing import TOKEN_LIFE, SigningKeys
from desktop.documents import Documents
from desktop.domain.rate_limits import Quota
from desktop.streams import services
from tests.conftest import NewDatabase
from tests.support.waiting import until

SWAGGER_UI = PROJECT / "deploy" / "node" / "node_modules" / "swagger-ui-dist"
GENEROUS = Limits(Quota("requests", 1000, 60), Quota("failures", 1000, 60))


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers."""

    @override
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return contextlib.nullcontext()


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncGenerator[None]:
    """Serves an application until the block ends."""
    server = _Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())

    async def is_started() -> bool:
        return server.started

    await until(is_started, what="the server listens")
    yield
    server.should_exit = True
    await task


@dataclass(frozen=True)
class ApiPort:
    """An open API port."""

    address: str
    engine: AsyncEngine
    http: httpx.AsyncClient
    secrets: Path

    def token(self, role: Role, name: str) -> str:
        """A person's token."""
        return keys.token(self.secrets, role=role, name=name, now=utc_now())

    async def ask(self, verb: str, path: str, token: str, **what: Any) -> httpx.Response:
        """The answer to a request with a token."""
        headers = {"Authorization": f"Bearer {token}", **what.pop("headers", {})}
        return await self.http.request(verb, path, headers=headers, **what)

    async def created(self, name: str, roles: Sequence[Role], expires_at: str) -> Mapping[str, Any]:
        """A new key, with its secret."""
        body = {"name": name, "roles": roles, "expires_at": expires_at}
        admin = self.token(Role.ADMINISTRATOR, "adam")
        answer = await self.ask("POST", "/api/desktop/api-keys", admin, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def exchange(self, name: str, secret: str, **fields: str) -> httpx.Response:
        """What `/token` answers to a name and a secret."""
        form = {"grant_type": "client_credentials", **fields}
        return await self.http.post("/token", data=form, auth=(name, secret))


@asynccontextmanager
async def opened(
    new_database: NewDatabase,
    folder: Path,
    *,
    limits: Limits = GENEROUS,
    clock: Clock = utc_now,
    streams_last: timedelta = TOKEN_LIFE,
) -> AsyncGenerator[ApiPort]:
    """The API port, until the block ends."""
    ports = Ports.free()
    engine, issuer = await new_database("desktop"), f"http://localhost:{ports.desktop_api}"
    gateway = Gateway(issuer, f"{issuer}/.well-known/jwks.json")
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(folder)), gateway=gateway)
    direct_engine = await new_database("ingest_direct")
    direct = ingest_direct.api.application(
        direct_engine, access, ChangeFeed(direct_engine), utc_now, ActiveOrganisation.of_file(EXAMPLE),
        max_attachment_bytes=1000,
    )  # fmt: skip
    away = dict.fromkeys(SERVICES, f"http://127.0.0.1:{ports.routing}")
    addresses = away | {INGEST_DIRECT: f"http://127.0.0.1:{ports.ingest_direct}", DESKTOP: services.OWN}
    async with (
        services.client(api.own(engine, access, clock)) as behind,
        httpx.AsyncClient(base_url=issuer) as http,
        served(direct, ports.ingest_direct),
    ):
        reached = services.Services(addresses, behind)
        signing = SigningKeys(keys.gateway_keys(folder), issuer=issuer, audience=keys.AUDIENCE)
        documents = Documents(reached, f"{issuer}/token")
        programs = api.Programs(reached, documents, signing, limits, clock, streams_last)
        app = api.for_programs(engine, access, programs)
        app.state.swagger_ui = SWAGGER_UI
        async with served(app, ports.desktop_api):
            yield ApiPort(issuer, engine, http, folder)
