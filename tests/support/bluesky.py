"""A real PDS, an account of the council on it, and people who post."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.connections.supervisor import Link
from antiphon.contracts.base import Actor
from antiphon.contracts.replies import ReplyRequested
from antiphon.process.clock import utc_now
from deploy.morning import bluesky as person
from deploy.world import Pds
from ingest_social.bluesky.network import Bluesky
from ingest_social.follower import Follower
from ingest_social.network import Network
from ingest_social.settings import Settings
from tests.support.waiting import until

PASSWORD = "a password of the tests"


class World:
    """An account of the council for one test, people who post, and the database of the service."""

    def __init__(self, engine: AsyncEngine, pds: Pds, http: httpx.AsyncClient, handle: str, did: str) -> None:
        self.engine, self.pds, self.http, self.handle, self.did = engine, pds, http, handle, did
        self.network = Bluesky(pds.url, handle, lambda: PASSWORD, "https://bsky.example", utc_now)
        self.settings = Settings.model_validate(
            {"database_url": "unused",
             "organisation": "unused", "issuer": "i", "jwks": "j", "retry_first_after": "PT0.1S",
             "secrets": "unused", "secrets_key": "unused"}
        )  # fmt: skip

    async def somebody(self) -> person.Account:
        return await person.sign_in(self.http, self.pds.url, f"p{uuid4().hex[:10]}.test", PASSWORD)

    async def mention(self, who: person.Account, words: str) -> str:
        posted = f"@{self.handle} {words}"
        return await person.post(
            self.http, self.pds.url, who, posted, person.mention(posted, self.handle, self.did), utc_now()
        )

    async def call(self, who: person.Account, method: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.http.post(
            f"{self.pds.url}/xrpc/{method}", json=body, headers={"Authorization": f"Bearer {who.token}"}
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    @asynccontextmanager
    async def following(self, *also: Network) -> AsyncGenerator[None]:
        # The follower of an account holds a session lock, so each follower needs a connection of its own, as a replica has.
        tasks = [
            asyncio.create_task(
                Follower(self.engine, network, Link(self.handle, utc_now, asyncio.Event()), utc_now).run()
            )
            for network in (self.network, *also)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query))).all())

    async def posts(self, at_least: int) -> list[Any]:
        async def enough() -> list[Any]:
            found = await self.rows("select * from post order by accepted_at, native_id")
            return found if len(found) >= at_least else []

        return await until(enough, what=f"{at_least} posts")

    async def events(self, kind: str) -> list[Any]:
        return await self.rows(
            f"select convert_from(value, 'utf8')::json as data from outbox where headers like '%{kind}%' order by id"
        )


def post_key(uri: str) -> str:
    return uri.rpartition("/")[2]


def request(interaction_id: Any, words: str) -> ReplyRequested:
    return ReplyRequested(
        reply_id=uuid4(), case_id=uuid4(), channel="social", network="bluesky", case_reference="C-1", customer_id=uuid4(),
        answers=interaction_id, account="us", visibility="public", text=words, author=Actor(kind="agent", id="grace"),
        case_token="t", requested_at=utc_now(),
    )  # fmt: skip
