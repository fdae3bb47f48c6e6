"""Replies on Bluesky."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import text

from antiphon.contracts.interactions import Identifier
from antiphon.process.clock import utc_now
from ingest_social import replies
from ingest_social.accounts import OurAccounts
from ingest_social.bluesky.network import Bluesky, BlueskyServer
from ingest_social.bluesky.settings import Settings as BlueskySettings
from ingest_social.network import Network
from ingest_social.sender import create_sender
from tests.support.bluesky import PASSWORD, World, post_key, request
from tests.support.waiting import until


@asynccontextmanager
async def sending(
    world: World, network: Network | None = None, *, recognises_repeats: bool = True
) -> AsyncGenerator[None]:
    ours = OurAccounts([network or world.network], recognises_repeats)
    sender = create_sender(world.engine, lambda _: ours, world.settings)
    task = asyncio.create_task(sender.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def finished(world: World, state: str, count: int) -> list[Any]:
    async def ask() -> list[Any]:
        found = await world.rows(f"select * from outgoing_reply where state = '{state}'")
        return found if len(found) >= count else []

    return await until(ask, what=f"{count} answers {state}")


async def ended_attempts(world: World, at_least: int = 0) -> list[Any]:
    found = await world.rows("select * from reply_attempt where ended_at is not null order by number")
    return found if len(found) >= at_least else []


async def test_a_long_reply_is_a_thread_and_is_not_posted_twice_after_an_unknown_outcome(
    world: World,
) -> None:
    jo = await world.somebody()
    uri = await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    short, long = request(post.interaction_id, "On Monday."), request(post.interaction_id, "word " * 150)
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [short, long], ["bluesky"], utc_now())
        await replies.take_replies(tx, [short, long], ["bluesky"], utc_now())
    async with sending(world):
        await finished(world, "sent", 2)
    # As if the process had died after the network took them and before it recorded that: they are attempted again.
    async with world.engine.begin() as tx:
        await tx.execute(text("update outgoing_reply set state = 'waiting', next_attempt_at = now()"))
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
    assert [values[part]["text"] for part in parts] == BlueskyServer(BlueskySettings()).split("word " * 150)  # pyright: ignore[reportCallIssue] - from the environment
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
        await replies.take_replies(tx, [request(post.interaction_id, "Too late")], ["bluesky"], utc_now())
    async with sending(world):
        (failed,) = await finished(world, "failed", 1)
    assert "deleted" in failed.reason
    (event,) = await world.events("reply.failed")
    assert event.data["outcome"] == "refused"


async def test_an_answer_to_a_post_that_nobody_knows_fails_at_once_and_once(world: World) -> None:
    stray = request(uuid4(), "Hello?")
    for _ in range(2):
        async with world.engine.begin() as tx:
            await replies.take_replies(tx, [stray], ["bluesky"], utc_now())
    (event,) = await world.events("reply.failed")
    assert (event.data["outcome"], event.data["reason"]) == (
        "refused",
        "this service does not have the post that is answered",
    )


async def test_an_answer_leaves_for_the_author_of_the_post_and_for_nobody_else(world: World) -> None:
    jo = await world.somebody()
    await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    (received,) = await world.events("interaction.received")
    recipient = Identifier.model_validate(received.data["interaction"]["recipient"])
    assert recipient == Identifier(kind="did", value=jo.did)
    to_jo = request(post.interaction_id, "On Monday.").model_copy(update={"recipient": recipient})
    other = Identifier(kind="did", value="did:plc:mallory")
    to_other = request(post.interaction_id, "On Tuesday.").model_copy(update={"recipient": other})
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [to_jo, to_other], ["bluesky"], utc_now())
    async with sending(world):
        (done,) = await finished(world, "sent", 1)
    assert done.reply_id == to_jo.reply_id
    (event,) = await world.events("reply.failed")
    assert (event.data["reply_id"], event.data["outcome"]) == (str(to_other.reply_id), "refused")


async def test_a_network_that_is_away_is_tried_again_and_each_attempt_is_noted(world: World) -> None:
    jo = await world.somebody()
    await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [request(post.interaction_id, "Soon.")], ["bluesky"], utc_now())
    away = Bluesky("http://127.0.0.1:1", world.handle, lambda: PASSWORD, "https://bsky.example", utc_now)
    wrong = Bluesky(world.pds.url, world.handle, lambda: "not the password", "https://bsky.example", utc_now)
    for network in (away, wrong):
        tried = len(await ended_attempts(world))
        async with sending(world, network):
            await until(lambda tried=tried: ended_attempts(world, tried + 1), what="an attempt")
        await network.close()
    async with sending(world):
        await finished(world, "sent", 1)
    attempts = await ended_attempts(world)
    assert {row.outcome for row in attempts[:-1]} == {"later"}
    assert attempts[-1].outcome == "accepted"
    assert "ConnectError" in attempts[0].detail
    assert "can't sign in" in attempts[-2].detail
    assert "not the password" not in attempts[-2].detail
    assert await world.events("reply.failed") == []
    assert len(await world.events("reply.sent")) == 1


@asynccontextmanager
async def losing_answers(url: str) -> AsyncGenerator[str]:
    """The address of a proxy to `url` that breaks the connection after it has passed on a post."""
    there = urlsplit(url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, out = await asyncio.open_connection(there.hostname, there.port)
        try:
            while asked := await reader.read(65536):
                is_post = b"com.atproto.repo.createRecord" in asked
                out.write(asked)
                answered = await back.read(65536)
                if is_post:
                    break
                writer.write(answered)
        finally:
            out.close()
            writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_where_no_repeat_is_recognised_an_unknown_outcome_is_given_to_a_person(
    world: World,
) -> None:
    jo = await world.somebody()
    await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [request(post.interaction_id, "Soon.")], ["bluesky"], utc_now())
    async with losing_answers(world.pds.url) as way:
        network = Bluesky(way, world.handle, lambda: PASSWORD, "https://bsky.example", utc_now)
        async with sending(world, network, recognises_repeats=False):
            (failed,) = await finished(world, "failed", 1)
        await network.close()
    assert [row.outcome for row in await ended_attempts(world)] == ["unknown"]
    (event,) = await world.events("reply.failed")
    assert (event.data["outcome"], event.data["attempts"]) == ("unknown", 1)
    assert "createRecord" in failed.reason
    listed = await world.http.get(
        f"{world.pds.url}/xrpc/com.atproto.repo.listRecords",
        params={"repo": world.did, "collection": "app.bsky.feed.post"},
    )
    assert [record["value"]["text"] for record in listed.json()["records"]] == ["Soon."]


async def test_links_and_people_in_an_answer_can_be_followed(world: World) -> None:
    jo = await world.somebody()
    await world.mention(jo, "where?")
    async with world.following():
        (post,) = await world.posts(1)
    words = f"Grüße @{jo.handle}, see https://banksia.example/a and @nobody.test."
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [request(post.interaction_id, words)], ["bluesky"], utc_now())
    async with sending(world):
        (done,) = await finished(world, "sent", 1)
    found = await world.http.get(
        f"{world.pds.url}/xrpc/com.atproto.repo.getRecord",
        params={"repo": world.did, "collection": "app.bsky.feed.post", "rkey": post_key(done.native_ids[0])},
    )
    features = [facet["features"][0] for facet in found.json()["value"]["facets"]]
    assert {feature.get("did") or feature.get("uri") for feature in features} == {
        jo.did,
        "https://banksia.example/a",
    }
