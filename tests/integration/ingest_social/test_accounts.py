"""Several accounts of ours, and what differs between networks."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import pytest

from antiphon.contracts.interactions import Identifier, InteractionKind, Speaker, Visibility
from antiphon.process.clock import utc_now
from deploy.morning import bluesky as person
from ingest_social import replies
from ingest_social.accounts import OurAccounts
from ingest_social.bluesky.network import Bluesky
from ingest_social.fetcher import fetch_one
from ingest_social.intake.changes import take_changes
from ingest_social.network import Deleted, Edited, File, Post
from ingest_social.sender import create_sender
from tests.support.bluesky import PASSWORD, World, request
from tests.support.waiting import until


class Other(NamedTuple):
    """A second account of ours on the same network."""

    handle: str
    network: Bluesky


@pytest.fixture
async def other(world: World) -> AsyncIterator[Other]:
    handle = f"o{uuid4().hex[:10]}.test"
    await asyncio.to_thread(world.pds.account, handle, PASSWORD)
    network = Bluesky(world.pds.url, handle, lambda: PASSWORD, "https://bsky.example", utc_now)
    await network.connect_account()
    yield Other(handle, network)
    await network.close()


async def test_what_is_said_to_two_accounts_is_taken_and_answered_by_each(world: World, other: Other) -> None:
    jo = await world.somebody()
    words = f"@{world.handle} @{other.handle} when?"
    uri = await person.post(world.http, world.pds.url, jo, words, [], utc_now())
    async with world.following(other.network):
        posts = await world.posts(2)
        await until(lambda: world.rows("select 1 from stream_cursor offset 1"), what="two cursors")
    assert {post.account for post in posts} == {world.did, other.network.account}
    assert {post.native_id for post in posts} == {uri}
    assert len({post.interaction_id for post in posts}) == 2
    published = {event.data["interaction"]["account"] for event in await world.events("interaction.received")}
    assert published == {world.did, other.network.account}
    async with world.engine.begin() as tx:
        asked = [request(post.interaction_id, f"We, {post.account}, come on Monday.") for post in posts]
        await replies.take_replies(tx, asked, {"bluesky"}, utc_now())
    sender = asyncio.create_task(
        create_sender(
            world.engine,
            lambda _: OurAccounts([world.network, other.network], recognises_repeats=True),
            world.settings,
        ).run()
    )
    try:
        sent = await until(
            lambda: world.rows("select native_ids from outgoing_reply where state = 'sent' offset 1"),
            what="two answers",
        )
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
    assert len(sent) == 1
    for did in (world.did, other.network.account):
        listed = await world.http.get(
            f"{world.pds.url}/xrpc/com.atproto.repo.listRecords",
            params={"repo": did, "collection": "app.bsky.feed.post"},
        )
        assert [record["value"]["text"] for record in listed.json()["records"]] == [
            f"We, {did}, come on Monday."
        ]


async def test_an_answer_of_an_account_that_is_no_longer_ours_is_refused(world: World, other: Other) -> None:
    jo = await world.somebody()
    await world.mention(jo, "when?")
    async with world.following():
        (post,) = await world.posts(1)
    async with world.engine.begin() as tx:
        await replies.take_replies(tx, [request(post.interaction_id, "Soon.")], {"bluesky"}, utc_now())
    sender = asyncio.create_task(
        create_sender(
            world.engine, lambda _: OurAccounts([other.network], recognises_repeats=True), world.settings
        ).run()
    )
    try:
        await until(lambda: world.events("reply.failed"), what="the refusal")
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
    (failed,) = await world.rows("select state, reason from outgoing_reply")
    assert failed.state == "failed"
    assert "no longer ours" in failed.reason


async def test_the_network_states_speaker_kind_visibility_conversation_and_rating(
    world: World,
) -> None:
    await world.network.connect_account()
    post = Post(
        "review-1", "1", "1", "4711", "Slow.", [], "en", utc_now(), {}, InteractionKind.REVIEW, Visibility.PRIVATE,
        conversation="place-7", rating=2,
    )  # fmt: skip
    speaker = Speaker(address=Identifier(kind="handle", value="town-square/jo"))
    again = Post(
        "review-1", "2", "2", "4711", "Better.", [], "en", utc_now(), {}, InteractionKind.REVIEW, Visibility.PRIVATE,
        conversation="place-7", rating=5,
    )  # fmt: skip
    deletion = Deleted("review-1", "4711", "3", utc_now())
    for changes in ([post], [Edited(again, concerns_us=True)], [deletion]):
        async with world.engine.begin() as tx:
            await take_changes(tx, world.network, changes, {"4711": speaker}, utc_now())
    (received,) = await world.events("interaction.received")
    interaction = received.data["interaction"]
    assert (interaction["kind"], interaction["visibility"], interaction["rating"]) == ("review", "private", 2)
    assert interaction["thread"]["conversation"] == "place-7"
    assert interaction["recipient"] == {"kind": "handle", "value": "town-square/jo"}
    (edited,) = await world.events("interaction.edited")
    (deleted,) = await world.events("interaction.deleted")
    assert edited.data["speaker_key"] == deleted.data["speaker_key"] == "handle:town-square/jo"
    (row,) = await world.rows("select kind, visibility, conversation, rating from post")
    assert tuple(row) == ("review", "private", "place-7", 5)


async def test_the_words_of_who_has_no_address_are_followed_under_their_own_key(world: World) -> None:
    await world.network.connect_account()
    post = Post(
        "c1", "1", "1", "?", "Hm.", [], None, utc_now(), {}, InteractionKind.COMMENT, Visibility.PUBLIC
    )
    for changes in ([post], [Deleted("c1", "?", "2", utc_now())]):
        async with world.engine.begin() as tx:
            await take_changes(tx, world.network, changes, {"?": Speaker(address=None)}, utc_now())
    keys = await world.rows("select key from outbox order by id")
    (row,) = await world.rows("select interaction_id from post")
    assert [outgoing.key for outgoing in keys] == [f"anonymous:{row.interaction_id}"] * 2


async def test_a_file_whose_digest_the_network_does_not_say_is_fetched_and_gets_one(world: World) -> None:
    jo = await world.somebody()
    data = b"GIF89a"
    uploaded = await world.http.post(
        f"{world.pds.url}/xrpc/com.atproto.repo.uploadBlob",
        content=data,
        headers={"Authorization": f"Bearer {jo.token}", "Content-Type": "image/gif"},
    )
    blob = uploaded.json()["blob"]
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
    record = {"$type": "app.bsky.feed.post", "text": "look", "embed": embed,
              "createdAt": utc_now().isoformat().replace("+00:00", "Z")}  # fmt: skip
    made = await world.call(
        jo, "com.atproto.repo.createRecord", {"repo": jo.did, "collection": "app.bsky.feed.post", "record": record}
    )  # fmt: skip
    await world.network.connect_account()
    file = File(blob["ref"]["$link"], "image-1.gif", "image/gif", len(data), None)
    post = Post(
        made["uri"], "1", "1", jo.did, "look", [], None, utc_now(), {}, InteractionKind.MENTION, Visibility.PUBLIC,
        files=[file],
    )  # fmt: skip
    async with world.engine.begin() as tx:
        await take_changes(tx, world.network, [post], {jo.did: Speaker(address=None)}, utc_now())
    (received,) = await world.events("interaction.received")
    assert received.data["interaction"]["attachments"][0]["sha256"] == ""
    assert await fetch_one(world.engine, world.network, world.settings)
    (kept,) = await world.rows("select state, data, sha256 from attachment")
    assert (kept.state, bytes(kept.data), kept.sha256) == ("kept", data, hashlib.sha256(data).hexdigest())
