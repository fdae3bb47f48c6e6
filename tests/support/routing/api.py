"""Routing behind its HTTP API, on a real PostgreSQL. Events are applied and trials run when a test says so."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.contracts import generate
from antiphon.contracts.base import Event
from antiphon.contracts.cases import CaseOpened
from antiphon.contracts.envelope import Envelope
from antiphon.http.changes import ChangeFeed
from antiphon.kafka.consumer import Received
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.site import EXAMPLE
from routing import api
from routing.configuration import trials
from routing.configuration.active import Configurations
from routing.intake import cases

COUNCIL = EXAMPLE.read_text()


class RoutingApi:
    """A client of routing's API, with the example organisation active."""

    def __init__(
        self,
        engine: AsyncEngine,
        configurations: Configurations,
        app: FastAPI,
        http: httpx.AsyncClient,
        folder: Path,
    ) -> None:
        self.engine = engine
        self.configurations = configurations
        self._app = app
        self._http = http
        self._folder = folder

    async def ask(
        self, verb: str, path: str, *, role: Role = Role.OPERATIONS, name: str = "olga", tag: str | None = None,
        **options: Any,
    ) -> httpx.Response:  # fmt: skip
        """A request with a token of this role and name; `tag` is sent as If-Match."""
        token = keys.token(self._folder, role=role, name=name, now=utc_now())
        headers: dict[str, str] = options.pop("headers", {}) | {"Authorization": f"Bearer {token}"}
        headers |= {} if tag is None else {"If-Match": tag}
        return await self._http.request(verb, path, headers=headers, **options)

    @asynccontextmanager
    async def client_of(self, name: str) -> AsyncGenerator[httpx.AsyncClient]:
        """A client with the token of a person of operations, for programs that call the API."""
        token = keys.token(self._folder, role=Role.OPERATIONS, name=name, now=utc_now())
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
            yield http

    @property
    def now(self) -> datetime:
        """The time by which it applies events."""
        return utc_now()

    async def load(self, source: str = COUNCIL) -> None:
        """Activates an organisation's file, as the first start does."""
        async with self.engine.begin() as tx:
            await self.configurations.load(tx, source, "council.yaml", "organisation file", utc_now())

    async def apply(self, *events: Event) -> None:
        """Applies events as one batch."""
        now = utc_now()
        batch = [
            Received(event, Envelope(str(uuid4()), "/test", event.type, None, now, None), "cases", 0, place)
            for place, event in enumerate(events)
        ]
        async with self.engine.begin() as tx:
            await cases.apply(tx, batch, self.configurations, now)

    async def rows(self, query: str, **parameters: Any) -> Sequence[Any]:
        """The rows of a query."""
        async with self.engine.connect() as connection:
            return (await connection.execute(text(query), parameters)).all()

    async def draft(self, *changes: tuple[str, str], name: str = "A change") -> dict[str, Any]:
        """Creates a draft of the example organisation with texts replaced; returns it with its `etag`."""
        source = COUNCIL
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        made = await self.ask("POST", "/drafts", json={"name": name, "why": "to see", "source": source})
        assert made.status_code == 201, made.text
        return made.json() | {"etag": made.headers["ETag"]}

    async def trial(self, draft_id: str, **options: Any) -> dict[str, Any]:
        """Runs a trial of the draft to its end; returns it."""
        requested = await self.ask("POST", f"/drafts/{draft_id}/trial", json=options)
        assert requested.status_code == 202, requested.text
        assert await trials.run_next(self.engine, utc_now)
        done = (await self.ask("GET", requested.headers["Location"])).json()
        assert done["state"] == "done", done
        return done


@asynccontextmanager
async def opened_api(engine: AsyncEngine, folder: Path, *, seeded: bool = True) -> AsyncGenerator[RoutingApi]:
    """Routing's API on a database, with the example organisation active unless it is not `seeded`."""
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(folder)))
    configurations = Configurations()
    app = api.application(engine, access, ChangeFeed(engine), utc_now, configurations)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        client = RoutingApi(engine, configurations, app, http, folder)
        if seeded:
            await client.load()
        yield client


def case(number: int, department: str | None = "planning", **interaction: Any) -> CaseOpened:
    """The event of a case that a customer's message opened; `interaction` changes the facts of the message."""
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    case_facts = event.case.model_copy(
        update={"case_id": UUID(int=number), "reference": f"C-{number}", "department": department,
                "awaiting_answer_since": utc_now()}
    )  # fmt: skip
    message = event.interaction.model_copy(update=interaction)
    return event.model_copy(update={"case": case_facts, "interaction": message})
