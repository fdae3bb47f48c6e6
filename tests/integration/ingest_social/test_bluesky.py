"""Bluesky for real: a PDS that others made, what is said to us on it, and what we answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.clock import utc_now
from antiphon.contracts.base import Actor
from antiphon.contracts.replies import ReplyRequested
from deploy.morning import bluesky as person
from deploy.site import Site
from deploy.world import Pds
from ingest_social import actions
from ingest_social.bluesky.network import Bluesky
from ingest_social.settings import Settings
from ingest_social.tasks import Follower, send_forever
from tests.conftest import NewDatabase
from tests.waiting import until

PASSWORD = "a password of the tests"


@pytest.fixture(scope="session")
def pds(site: Site) -> Iterator[Pds]:
    server = Pds(site)
    server.start()
    yield server
    server.stop()


class World:
    """One council account of this test's own, people who post, and the service's database."""

    def __init__(self, engine: AsyncEngine, pds: Pds, http: httpx.AsyncClient, handle: str, did: str) -> None:
        self.engine, self.pds, self.http, self.handle, self.did = engine, pds, http, handle, did
        self.network = Bluesky(pds.url, handle, PASSWORD, "https://bsky.example", utc_now)
        self.settings = Settings.model_validate(
            {"database_url": "unused", "bluesky_service": pds.url, "bluesky_password": PASSWORD,
             "organisation": "unused", "issuer": "i", "jwks": "j", "retry_first_after": "PT0.1S"}
        )  # fmt: skip

    async def somebody(self) -> person.Account:
        return await person.sign_in(self.http, self.pds.url, f"p{uuid4().hex[:10]}.test", PASSWORD)

    async def mention(self, who: person.Account, words: str) -> str:
        said = f"@{self.handle} {words}"
        return await person.post(
            self.http, self.pds.url, who, said, person.mention(said, self.handle, self.did), utc_now()
        )

    async def call(self, who: person.Account, method: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.http.post(
            f"{self.pds.url}/xrpc/{method}", json=body, headers={"Authorization": f"Bearer {who.token}"}
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[None]:
        # A session lock is held by the follower, so each runs alone, as replicas do.
        task = asyncio.create_task(Follower(self.engine, self.network, utc_now).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

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


@pytest.fixture
async def world(new_database: NewDatabase, pds: Pds) -> AsyncIterator[World]:
    handle = f"c{uuid4().hex[:10]}.test"
    did = await asyncio.to_thread(pds.account, handle, PASSWORD)
    async with httpx.AsyncClient(timeout=30) as http:
        made = World(await new_database("ingest_social"), pds, http, handle, did)
        yield made
        await made.network.close()


def post_key(uri: str) -> str:
    return uri.rpartition("/")[2]


async def test_mentions_replies_and_quotes_of_us_are_taken_and_noise_is_not(world: World) -> None:
    jo = await world.somebody()
    ours = await person.sign_in(world.http, world.pds.url, world.handle, PASSWORD)
    announcement = await person.post(
        world.http, world.pds.url, ours, "The pool opens on Monday", [], utc_now()
    )
    record = await world.http.get(
        f"{world.pds.url}/xrpc/com.atproto.repo.getRecord",
        params={"repo": world.did, "collection": "app.bsky.feed.post", "rkey": post_key(announcement)},
    )
    reference = {"uri": announcement, "cid": record.json()["cid"]}
    base = {"$type": "app.bsky.feed.post", "createdAt": utc_now().isoformat().replace("+00:00", "Z")}
    reply = base | {"text": "At what time?", "reply": {"root": reference, "parent": reference}}
    quote = base | {"text": "Finally", "embed": {"$type": "app.bsky.embed.record", "record": reference}}
    await person.post(world.http, world.pds.url, jo, "Lovely weather", [], utc_now())
    mention = await world.mention(jo, "hello")
    for content in (reply, quote):
        await world.call(
            jo, "com.atproto.repo.createRecord",
            {"repo": jo.did, "collection": "app.bsky.feed.post", "record": content},
        )  # fmt: skip
    async with world.following():
        posts = await world.posts(3)
    assert {post.text for post in posts} == {f"@{world.handle} hello", "At what time?", "Finally"}
    told = {
        event.data["interaction"]["content"]["text"]: event.data["interaction"]
        for event in await world.events("received")
    }
    said = told[f"@{world.handle} hello"]
    assert said["speaker"]["address"] == {"kind": "did", "value": jo.did}
    assert said["speaker"]["also"][0]["value"] == f"bluesky/{jo.handle}"
    assert (said["visibility"], said["thread"]["native_id"], said["content"]["language"]) == (
        "public",
        mention,
        "en",
    )
    assert told["At what time?"]["thread"]["answers"] == [announcement]
    assert told["Finally"]["thread"]["answers"] == [announcement]


async def test_edits_and_deletions_are_followed_and_what_was_said_is_kept(world: World) -> None:
    jo = await world.somebody()
    uri = await world.mention(jo, "frist")
    async with world.following():
        await world.posts(1)
        record = {"$type": "app.bsky.feed.post", "text": f"@{world.handle} first",
                  "createdAt": utc_now().isoformat().replace("+00:00", "Z")}  # fmt: skip
        about = {"repo": jo.did, "collection": "app.bsky.feed.post", "rkey": post_key(uri)}
        await world.call(jo, "com.atproto.repo.putRecord", about | {"record": record})
        await until(lambda: world.rows("select 1 from post where edited_at is not null"), what="the edit")
        await world.call(jo, "com.atproto.repo.deleteRecord", about)
        await until(
            lambda: world.rows("select 1 from post where deleted_at is not null"), what="the deletion"
        )
    (post,) = await world.posts(1)
    assert post.text.endswith("first")
    assert post.earlier[0]["record"]["text"].endswith("frist")
    assert len(await world.events("interaction.edited")) == 1
    assert len(await world.events("interaction.deleted")) == 1


async def test_after_an_outage_nothing_is_missing_nothing_is_twice_and_order_is_kept(world: World) -> None:
    people = [await world.somebody() for _ in range(3)]
    async with world.following():
        await world.mention(people[0], "before")
        await world.posts(1)
    said = {who.did: [f"{number:02}" for number in range(12)] for who in people}
    for number in range(12):
        for who in people:
            await world.mention(who, f"{number:02}")
    async with world.following():
        await world.posts(37)
    # The cursor is lost: the stream comes again from its beginning, and every post is a duplicate.
    async with world.engine.begin() as tx:
        await tx.execute(text("update stream_cursor set position = 0"))
    async with world.following():
        await until(
            lambda: world.rows("select 1 from delivery where outcome = 'duplicate' offset 36"), what="repeats"
        )
    assert len(await world.rows("select 1 from post")) == 37
    order: dict[str, list[str]] = {}
    for event in await world.events("interaction.received"):
        interaction = event.data["interaction"]
        order.setdefault(interaction["speaker"]["address"]["value"], []).append(
            interaction["content"]["text"][-2:]
        )
    assert [words[-12:] for words in order.values()] == list(said.values())
    counts = await world.rows("select outcome, count(*) as n from delivery group by 1")
    assert {row.outcome: row.n for row in counts} == {"accepted": 37, "duplicate": 37}


def request(interaction_id: Any, words: str) -> ReplyRequested:
    return ReplyRequested(
        reply_id=uuid4(), case_id=uuid4(), channel="social", network="bluesky", case_reference="C-1", customer_id=uuid4(),
        answers=interaction_id, account="us", visibility="public", text=words, author=Actor(kind="agent", id="grace"),
        case_token="t", requested_at=utc_now(),
    )  # fmt: skip


@asynccontextmanager
async def sending(world: World) -> AsyncGenerator[None]:
    task = asyncio.create_task(send_forever(world.engine, world.network, world.settings, utc_now))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def finished(world: World, state: str, count: int) -> list[Any]:
    async def ask() -> list[Any]:
        found = await world.rows(f"select * from sending where state = '{state}'")
        return found if len(found) >= count else []

    return await until(ask, what=f"{count} answers {state}")


async def test_an_answer_is_threaded_split_when_long_and_not_posted_again_after_an_unknown_outcome(
    world: World,
) -> None:
    jo = await world.somebody()
    uri = await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    short, long = request(post.interaction_id, "On Monday."), request(post.interaction_id, "word " * 150)
    async with world.engine.begin() as tx:
        await actions.take_replies(tx, [short, long], utc_now())
        await actions.take_replies(tx, [short, long], utc_now())
    async with sending(world):
        await finished(world, "sent", 2)
    # The process died after the network took them and before that was recorded: they are tried again.
    async with world.engine.begin() as tx:
        await tx.execute(text("update sending set state = 'waiting', next_attempt_at = now()"))
    async with sending(world):
        done = await finished(world, "sent", 2)
    assert {row.attempts for row in done} == {2}
    listed = await world.http.get(
        f"{world.pds.url}/xrpc/com.atproto.repo.listRecords",
        params={"repo": world.did, "collection": "app.bsky.feed.post", "reverse": True},
    )
    values = {record["uri"]: record["value"] for record in listed.json()["records"]}
    parts = next(row.native_ids for row in done if row.reply_id == long.reply_id)
    assert len(values) == 1 + len(parts)
    assert len(parts) == 3
    assert [values[part]["reply"]["root"]["uri"] for part in parts] == [uri] * 3
    assert [values[part]["reply"]["parent"]["uri"] for part in parts] == [uri, *parts[:2]]


async def test_an_answer_to_a_post_that_is_gone_is_reported_not_posted(world: World) -> None:
    jo = await world.somebody()
    uri = await world.mention(jo, "never mind")
    async with world.following():
        (post,) = await world.posts(1)
    await world.call(
        jo, "com.atproto.repo.deleteRecord",
        {"repo": jo.did, "collection": "app.bsky.feed.post", "rkey": post_key(uri)},
    )  # fmt: skip
    async with world.engine.begin() as tx:
        await actions.take_replies(tx, [request(post.interaction_id, "Too late")], utc_now())
    async with sending(world):
        (failed,) = await finished(world, "failed", 1)
    assert "deleted" in failed.last_error
    (event,) = await world.events("reply.failed")
    assert event.data["outcome"] == "refused"
