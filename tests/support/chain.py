"""An interaction from the system that brings it to its case: the services' own code and databases, without Kafka.

Events are read from the outbox of the service that publishes them, and handed to the next service, in order.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import case_mgmt.api
import case_mgmt.intake.batch
import customer_profile.actions.interactions
import customer_profile.api
import ingest_direct.actions.replies
import ingest_direct.api
from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.envelope import decode
from antiphon.contracts.identified import IdentifiedInteractionReceived
from antiphon.contracts.interactions import InteractionReceived
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.changes import ChangeFeed
from antiphon.kafka.consumer import Received
from antiphon.process.clock import utc_now
from case_mgmt.domain import tokens
from customer_profile.domain.reading import WordReader
from deploy import keys
from deploy.site import EXAMPLE
from tests.support.case_mgmt import SECRET
from tests.support.events import received, spoken

ORGANISATION = ActiveOrganisation.of_file(EXAMPLE)
WORDS = WordReader(*ORGANISATION.current)
Json = dict[str, Any]


class Chain:
    """ingest-direct, customer-profile and case-mgmt, each with its API."""

    def __init__(self, direct: AsyncEngine, profile: AsyncEngine, cases: AsyncEngine, secrets: Path) -> None:
        self.direct, self.profile, self.cases = direct, profile, cases
        self._secrets = secrets
        self._moved: dict[AsyncEngine, int] = {}
        self._access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(secrets)))
        self._http = {
            "ingest_direct": _client(
                ingest_direct.api.application(
                    direct, self._access, ChangeFeed(direct), utc_now, ORGANISATION, max_attachment_bytes=1000
                )
            ),
            "customer_profile": _client(
                customer_profile.api.application(profile, self._access, ChangeFeed(profile), utc_now, ORGANISATION)
            ),
            "case_mgmt": _client(
                case_mgmt.api.application(cases, self._access, ChangeFeed(cases), utc_now, token_secret=SECRET)
            ),
        }  # fmt: skip

    async def close(self) -> None:
        for client in self._http.values():
            await client.aclose()

    async def ask(
        self, verb: str, package: str, path: str, *, role: Role = Role.AGENT, who: str = "bruno",
        headers: dict[str, str] | None = None, **request: Any,
    ) -> httpx.Response:  # fmt: skip
        token = keys.token(self._secrets, role=role, name=who, now=utc_now())
        return await self._http[package].request(
            verb, path, headers={"Authorization": f"Bearer {token}"} | (headers or {}), **request
        )

    async def bring(
        self, channel: str, speaker: Json, *, words: str = "Hello", role: Role = Role.INTEGRATION, who: str = "web-form"
    ) -> Json:  # fmt: skip
        """A system or an agent brings an interaction; returns the case that it is on."""
        answer = await self.ask(
            "POST", "ingest_direct", "/interactions", role=role, who=who,
            headers={"Idempotency-Key": f"{channel}-{len(await self.rows(self.direct, 'select 1 from interaction'))}"},
            json={"channel": channel, "speaker": speaker, "text": words},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        await self.deliver(*await self._published(self.direct))
        return await self.case_of(answer.json()["interaction_id"])

    async def note(self, channel: str, speaker: Json, *, who: str = "bruno") -> Json:
        """An agent notes an interaction; returns the case that it is on."""
        return await self.bring(channel, speaker, role=Role.AGENT, who=who)

    async def mail(self, address: str, words: str = "Hello") -> Json:
        """A mail arrives; returns the case that it is on."""
        event = spoken(f"email:{address}", text=words)
        await self.deliver(*received([event]))
        return await self.case_of(str(event.interaction.interaction_id))

    async def deliver(self, *batch: Received) -> None:
        """customer-profile identifies interactions, and case-mgmt finds or opens their cases."""
        async with self.profile.begin() as tx:
            await customer_profile.actions.interactions.identify(
                tx, [r for r in batch if isinstance(r.event, InteractionReceived)], WORDS, utc_now()
            )
        identified = [
            r
            for r in await self._published(self.profile)
            if isinstance(r.event, IdentifiedInteractionReceived)
        ]
        async with self.cases.begin() as tx:
            await case_mgmt.intake.batch.apply(
                tx, identified, read_token=partial(tokens.read, secrets=[SECRET]),
                make_token=partial(tokens.make, secret=SECRET), reopen_closed_within=timedelta(days=14), now=utc_now(),
            )  # fmt: skip

    async def answer(self, case: Json, words: str) -> str:
        """An agent answers a case, and ingest-direct receives the reply; returns the reply's id."""
        case_id, revision = case["case"]["case_id"], case["case"]["revision"]
        answer = await self.ask(
            "POST", "case_mgmt", f"/cases/{case_id}/replies", json={"text": words},
            headers={"If-Match": f'"{revision}"', "Idempotency-Key": f"answer-{case_id}-{revision}"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        events = await self._published(self.cases)
        async with self.direct.begin() as tx:
            await ingest_direct.actions.replies.keep_requested(
                tx, [r.event for r in events if isinstance(r.event, ReplyRequested)]
            )
        return str(answer.json()["reply_id"])

    async def _published(self, engine: AsyncEngine) -> list[Received]:
        rows = await self.rows(
            engine, f"select * from outbox where id > {self._moved.get(engine, 0)} order by id"
        )
        if rows:
            self._moved[engine] = rows[-1].id
        events: list[Received] = []
        for row in rows:
            headers: dict[str, str] = json.loads(row.headers)
            envelope, event = decode([(n, v.encode()) for n, v in headers.items()], bytes(row.value))
            events.append(Received(event, envelope, row.topic, 0, row.id))
        return events

    async def case_of(self, interaction_id: str) -> Json:
        """The case that an interaction is on."""
        (row,) = await self.rows(
            self.cases, f"select case_id from case_interaction where interaction_id = '{interaction_id}'"
        )
        return (await self.ask("GET", "case_mgmt", f"/cases/{row.case_id}")).json()

    async def customer(self, customer_id: str) -> Json:
        """A customer as people see them."""
        answer = await self.ask("GET", "customer_profile", f"/customers/{customer_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def link(self, customer_id: str, kind: str, value: str, *, role: Role) -> httpx.Response:
        """A person links an identifier."""
        path = f"/customers/{customer_id}/identifiers"
        return await self.ask(
            "POST", "customer_profile", path, role=role, json={"kind": kind, "value": value}
        )

    async def unlink(self, customer_id: str, key: str) -> None:
        """A supervisor removes a link."""
        path = f"/customers/{customer_id}/identifiers/{key}"
        answer = await self.ask("DELETE", "customer_profile", path, role=Role.SUPERVISOR)
        assert answer.status_code == 200, answer.text

    async def rows(self, engine: AsyncEngine, query: str) -> Sequence[Any]:
        async with engine.connect() as connection:
            return list((await connection.execute(text(query))).all())


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def whose(case: Json) -> str:
    """The customer of a case."""
    return str(case["case"]["customer"]["customer_id"])


def identifiers(customer: Json) -> set[str]:
    """What is linked to a customer."""
    return {f"{i['kind']}:{i['value']}" for i in customer["identifiers"]}
