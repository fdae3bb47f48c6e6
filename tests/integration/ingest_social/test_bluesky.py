"""Posts on Bluesky that concern us: received, followed and stored."""

import base64
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from antiphon.access.roles import Role
from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.connections.routes import Connections
from antiphon.connections.secrets import Secrets, new_key
from antiphon.contracts.interactions import Identifier, InteractionKind, Speaker, Visibility
from antiphon.process.clock import utc_now
from deploy import keys
from deploy.morning import bluesky as person
from deploy.site import EXAMPLE, Site
from ingest_social.accounts import Accounts, Followed
from ingest_social.api import application
from ingest_social.fetcher import fetch_one
from ingest_social.intake.changes import take_changes
from ingest_social.network import Edited, Post
from tests.support.bluesky import PASSWORD, World, post_key
from tests.support.statements import counted
from tests.support.waiting import until


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
    published = {
        event.data["interaction"]["content"]["text"]: event.data["interaction"]
        for event in await world.events("received")
    }
    mentioned = published[f"@{world.handle} hello"]
    assert mentioned["speaker"]["address"] == {"kind": "did", "value": jo.did}
    assert mentioned["speaker"]["also"][0]["value"] == f"bluesky/{jo.handle}"
    assert (mentioned["visibility"], mentioned["thread"]["native_id"], mentioned["content"]["language"]) == (
        "public",
        mention,
        "en",
    )
    assert published["At what time?"]["thread"]["answers"] == [announcement]
    assert published["Finally"]["thread"]["answers"] == [announcement]


async def test_edits_and_deletions_are_followed_and_earlier_versions_are_kept(world: World) -> None:
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
    expected = {who.did: [f"{number:02}" for number in range(12)] for who in people}
    for number in range(12):
        for who in people:
            await world.mention(who, f"{number:02}")
    async with world.following():
        await world.posts(37)
    # The cursor is lost: the stream comes again from its beginning, and every post is a duplicate.
    async with world.engine.begin() as tx:
        await tx.execute(text("update stream_cursor set position = '0'"))
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
    assert [words[-12:] for words in order.values()] == list(expected.values())
    counts = await world.rows("select outcome, count(*) as n from delivery group by 1")
    assert {row.outcome: row.n for row in counts} == {"accepted": 37, "duplicate": 37}


def version(words: str, order: str) -> Post:
    return Post(
        "at://jo/1", f"cid {order}", order, "jo", words, [], None, utc_now(), {"text": "words"}, InteractionKind.MENTION,
        Visibility.PUBLIC,
    )  # fmt: skip


PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@asynccontextmanager
async def client(world: World, site: Site, role: Role) -> AsyncGenerator[httpx.AsyncClient]:
    access = Access(issuer=keys.ISSUER, audience=keys.AUDIENCE, jwks=str(keys.jwks(site.secrets)))
    active = ActiveOrganisation.of_file(EXAMPLE)
    secrets = Secrets(world.settings.secrets, SecretStr(new_key()))
    accounts = Accounts(active, {}, secrets, utc_now)
    app = application(
        world.engine,
        access,
        lambda: [Followed("bluesky", world.did, connected=True)],
        Connections(active, secrets, accounts.connections, accounts.log_in),
        {},
    )
    token = keys.token(site.secrets, role=role, name="grace", now=utc_now())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"Authorization": f"Bearer {token}"},
    ) as http:
        yield http


async def test_a_picture_is_named_at_once_fetched_and_handed_out_until_it_is_taken_back(
    world: World, site: Site
) -> None:
    jo = await world.somebody()
    uploaded = await world.http.post(
        f"{world.pds.url}/xrpc/com.atproto.repo.uploadBlob",
        content=PICTURE,
        headers={"Authorization": f"Bearer {jo.token}", "Content-Type": "image/png"},
    )
    uploaded.raise_for_status()
    embed = {
        "$type": "app.bsky.embed.images",
        "images": [{"image": uploaded.json()["blob"], "alt": "A hole"}],
    }
    record = {
        "$type": "app.bsky.feed.post", "text": f"@{world.handle} look", "embed": embed,
        "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    await world.call(
        jo, "com.atproto.repo.createRecord", {"repo": jo.did, "collection": "app.bsky.feed.post", "record": record}
    )  # fmt: skip
    async with world.following():
        await world.posts(1)
    (event,) = await world.events("interaction.received")
    (attachment,) = event.data["interaction"]["attachments"]
    assert attachment["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert (attachment["filename"], attachment["media_type"], attachment["size_bytes"]) == (
        "image-1.png",
        "image/png",
        len(PICTURE),
    )
    while await fetch_one(world.engine, world.network, world.settings):
        pass
    (kept,) = await world.rows("select state, data, description from attachment")
    assert (kept.state, bytes(kept.data), kept.description) == ("kept", PICTURE, "A hole")
    async with client(world, site, Role.AGENT) as http:
        (listed,) = (await http.get("/posts")).json()["items"]
        shown = (await http.get(f"/posts/{listed['interaction_id']}")).json()
        address = f"/attachments/{shown['files'][0]['attachment_id']}"
        answer = await http.get(address)
        assert answer.content == PICTURE
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert "sandbox" in answer.headers["content-security-policy"]
        async with world.engine.begin() as tx:
            await tx.execute(text("update post set deleted_at = now()"))
        assert (await http.get(address)).status_code == 404
        assert (await http.get("/posts", params={"deleted": "false"})).json()["items"] == []
        hidden = (await http.get(f"/posts/{listed['interaction_id']}")).json()
        assert (hidden["text"], hidden["record"], hidden["files"]) == (None, None, [])
        (stream,) = (await http.get("/streams")).json()
        assert (stream["account"], stream["connected"]) == (world.did, True)
        assert int(stream["position"]) > 0
        assert stream["behind_s"] >= 0
    async with client(world, site, Role.INTEGRATION) as http:
        assert (await http.get(address)).status_code == 403
        assert (await http.get("/counts")).json()["interactions"] == 1


async def test_a_file_that_is_too_large_is_refused_with_the_reason(world: World) -> None:
    jo = await world.somebody()
    uploaded = await world.http.post(
        f"{world.pds.url}/xrpc/com.atproto.repo.uploadBlob",
        content=PICTURE,
        headers={"Authorization": f"Bearer {jo.token}", "Content-Type": "image/png"},
    )
    cid = uploaded.json()["blob"]["ref"]["$link"]
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": uploaded.json()["blob"], "alt": ""}]}
    record = {
        "$type": "app.bsky.feed.post", "text": f"@{world.handle} look", "embed": embed,
        "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    await world.call(
        jo, "com.atproto.repo.createRecord", {"repo": jo.did, "collection": "app.bsky.feed.post", "record": record}
    )  # fmt: skip
    async with world.following():
        await world.posts(1)
    small = world.settings.model_copy(update={"file_limit_bytes": 10})
    assert await fetch_one(world.engine, world.network, small)
    (row,) = await world.rows("select state, reason, native_id, data from attachment")
    assert (row.state, row.native_id, row.data) == ("refused", cid, None)
    assert "more than 10 bytes" in row.reason


async def test_a_mention_without_facet_and_one_that_comes_by_an_edit_are_taken(world: World) -> None:
    jo = await world.somebody()
    await person.post(world.http, world.pds.url, jo, f"Hello @{world.handle}!", [], utc_now())
    uri = await person.post(world.http, world.pds.url, jo, "The pool is closed", [], utc_now())
    record = {
        "$type": "app.bsky.feed.post", "text": f"The pool is closed, @{world.handle}",
        "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    about = {"repo": jo.did, "collection": "app.bsky.feed.post", "rkey": post_key(uri)}
    await world.call(jo, "com.atproto.repo.putRecord", about | {"record": record})
    async with world.following():
        posts = await world.posts(2)
    assert len(await world.events("interaction.received")) == len(posts) == 2
    assert await world.events("interaction.edited") == []


async def test_a_post_edited_and_deleted_during_an_outage_is_published_in_order(world: World) -> None:
    jo = await world.somebody()
    uri = await world.mention(jo, "one")
    about = {"repo": jo.did, "collection": "app.bsky.feed.post", "rkey": post_key(uri)}
    for words in ("two", "three"):
        record = {
            "$type": "app.bsky.feed.post", "text": words,
            "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        await world.call(jo, "com.atproto.repo.putRecord", about | {"record": record})
    await world.call(jo, "com.atproto.repo.deleteRecord", about)
    async with world.following():
        await until(lambda: world.rows("select 1 from post where deleted_at is not null"), what="deletion")
    kinds = await world.rows("select (headers::json ->> 'ce_type') as kind from outbox order by id")
    assert [row.kind for row in kinds] == [
        "interaction.received.v1", "interaction.edited.v1", "interaction.edited.v1", "interaction.deleted.v1",
    ]  # fmt: skip
    (post,) = await world.posts(1)
    assert [former["record"]["text"] for former in post.earlier] == [f"@{world.handle} one", "two"]


async def test_the_posts_of_a_deleted_account_are_deleted(world: World) -> None:
    jo = await world.somebody()
    await world.mention(jo, "remember me")
    async with world.following():
        await world.posts(1)
        answer = await world.http.post(
            f"{world.pds.url}/xrpc/com.atproto.admin.deleteAccount",
            json={"did": jo.did},
            auth=("admin", world.pds.process.environment["PDS_ADMIN_PASSWORD"]),
        )
        answer.raise_for_status()
        await until(lambda: world.rows("select 1 from post where deleted_at is not null"), what="deletion")
    (event,) = await world.events("interaction.deleted")
    assert event.data["speaker_key"] == f"did:{jo.did}"


async def test_a_stream_whose_numbers_began_anew_is_read_from_its_beginning(world: World) -> None:
    jo = await world.somebody()
    await world.mention(jo, "before the restore")
    async with world.engine.begin() as tx:
        await tx.execute(
            text(
                f"insert into stream_cursor (network, account, position, updated_at) "
                f"values ('bluesky', '{world.did}', '99999999', now())"
            )
        )
    async with world.following():
        await world.posts(1)

        async def moved() -> bool:
            (row,) = await world.rows("select position from stream_cursor")
            return 0 < int(row.position) < 99999999

        await until(moved, what="the new cursor")
    assert len(await world.events("interaction.received")) == 1


async def test_what_the_stream_no_longer_has_is_found_by_looking(world: World) -> None:
    jo = await world.somebody()
    since = utc_now()
    uris = [await world.mention(jo, f"{number}") for number in range(3)]
    await world.network.connect_account()
    found = [
        change.native_id
        async for batch in world.network.catch_up(since)
        for change in batch.changes
        if isinstance(change, Post)
    ]
    assert found == uris


async def test_a_batch_of_posts_costs_a_fixed_number_of_statements(world: World) -> None:
    await world.network.connect_account()
    speaker = Speaker(address=Identifier(kind="did", value="did:plc:jo"))

    async def statements(count: int) -> int:
        changes = [replace(version("words", "3a"), native_id=f"at://{uuid4()}") for _ in range(count)]
        with counted(world.engine) as seen:
            async with world.engine.begin() as tx:
                await take_changes(tx, world.network, changes, {"jo": speaker}, utc_now())
        return len(seen)

    assert await statements(500) == await statements(1) < 10


async def test_a_post_larger_than_an_event_is_stored_whole_and_cut_in_its_event(
    world: World,
) -> None:
    speaker = Speaker(address=Identifier(kind="did", value="jo"))
    await world.network.connect_account()
    first = version("\x01" * 300_000, "3a")
    second = version("\N{PILE OF POO}" * 300_000, "3b")
    async with world.engine.begin() as tx:
        changes = [first, Edited(second, concerns_us=True)]
        await take_changes(tx, world.network, changes, {"jo": speaker}, utc_now())
    (post,) = await world.rows("select text from post")
    assert post.text == second.text
    (received,) = await world.events("interaction.received")
    (edited,) = await world.events("interaction.edited")
    assert received.data["interaction"]["defects"] == edited.data["defects"] == ["text-cut"]
    assert len(received.data["interaction"]["content"]["text"]) > 100_000
    assert len(edited.data["content"]["text"]) > 150_000
