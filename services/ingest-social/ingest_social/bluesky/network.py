"""Bluesky as a network: changes by the websocket stream of a PDS or relay, replies by the XRPC API of our PDS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from antiphon import identifiers
from antiphon.contracts.base import rfc3339
from antiphon.contracts.interactions import (
    Identifier,
    IdentifierKind,
    Speaker,
    StatedBy,
    StatedIdentifier,
)
from antiphon.process import logs
from antiphon.process.clock import Clock
from antiphon.text import clean
from ingest_social.bluesky import frames, records, texts
from ingest_social.bluesky.client import Client, XrpcRefusedError
from ingest_social.bluesky.records import POST, Origin, Us
from ingest_social.bluesky.settings import Settings
from ingest_social.network import (
    Batch,
    Change,
    Outgoing,
    RefusedError,
    TransientError,
    Unreadable,
)

LOG = logs.get(__name__)
MAX_FRAMES = 200
# A batch of frames ends when no other frame comes for so long.
PAUSE_S = 0.05
SPEAKER_TIMEOUT_S = 5
SPEAKERS_CACHED_FOR = timedelta(hours=1)
MAX_CACHED = 10_000
# Clocks differ: posts are also looked up from the time before.
LOOK_BACK = timedelta(hours=1)
Value = TypeVar("Value")


def _cache(cache: dict[str, Value], key: str, value: Value) -> None:
    while len(cache) >= MAX_CACHED:
        del cache[next(iter(cache))]
    cache[key] = value


async def _arrived(socket: ClientConnection) -> tuple[list[bytes], WebSocketException | None]:
    """The next frames, at most 200, and what ended the connection after them. The last frame may state its reason."""
    received = [await socket.recv(decode=False)]
    try:
        async with asyncio.timeout(PAUSE_S):
            while len(received) < MAX_FRAMES:
                received.append(await socket.recv(decode=False))
    except TimeoutError:
        pass
    except WebSocketException as lost:
        return received, lost
    return received, None


class Bluesky:
    """One account of ours. Our posts are on its PDS (`service`); the posts of others come from `stream`."""

    name = "bluesky"

    def __init__(
        self,
        service: str,
        handle: str,
        password: Callable[[], str],
        app: str,
        clock: Clock,
        stream: str | None = None,
        reply_parts: int = 3,
    ) -> None:
        self._stream = (stream or service).rstrip("/").replace("http", "ws", 1)
        self._handle = handle
        self.reply_limits = texts.reply_limits(reply_parts)
        self._app = app.rstrip("/")
        self._clock = clock
        self._client = Client(service.rstrip("/"), handle, password, clock)
        self._speakers: dict[str, tuple[datetime, Speaker]] = {}
        self._reached: dict[str, str] = {}

    @property
    def account(self) -> str:
        """Our DID; empty until `connect_account` has returned."""
        return self._client.did

    @property
    def _us(self) -> Us:
        return Us(self.account, self._handle)

    async def connect_account(self) -> None:
        """Signs in. Raises NotSignedInError."""
        await self._client.sign_in()

    async def close(self) -> None:
        """Closes the connections to the PDS."""
        await self._client.close()

    async def follow(self, cursor: str | None) -> AsyncIterator[Batch]:
        """Frames in small batches: those that have come, at most 200. The cursor is the number of a frame."""
        place = int(cursor or 0)
        url = f"{self._stream}/xrpc/com.atproto.sync.subscribeRepos?cursor={place}"
        try:
            async with connect(url, max_size=16 * 1024 * 1024, open_timeout=20) as socket:
                yield Batch([], cursor)
                while True:
                    received, lost = await _arrived(socket)
                    place, batch = await self._batch(received, place)
                    yield batch
                    if lost is not None:
                        raise lost
        except (OSError, WebSocketException, TimeoutError) as error:
            raise TransientError(f"{type(error).__name__}: {error}") from error

    async def _batch(self, received: list[bytes], place: int) -> tuple[int, Batch]:
        """The changes in frames, and the number of the last one."""
        changes: list[Change] = []
        missed = False
        at: datetime | None = None
        for raw in received:
            frame = frames.read(raw, self._us, self._clock())
            changes += frame.changes
            missed = missed or frame.info == "OutdatedCursor"
            if frame.info == "FutureCursor":
                # The numbers of the stream began again, e.g. after the PDS was restored: read it from the beginning.
                return 0, Batch(changes, "0", missed=True)
            if frame.info is not None and not missed:
                raise TransientError(f"the stream reports {frame.info}")
            if frame.renamed:
                self._speakers.pop(frame.renamed, None)
            # A repository whose revision we have seen already has nothing new. The stream may state it twice.
            is_known = frame.reached is not None and self._reached.get(frame.reached[0]) == frame.reached[1]
            if frame.reached:
                self._reached.pop(frame.reached[0], None)
                _cache(self._reached, *frame.reached)
            if frame.look_up and not is_known:
                changes += await self._look_up(frame.look_up, (frame.at or self._clock()) - LOOK_BACK)
            place = frame.seq or place
            at = frame.at or at
        return place, Batch(changes, str(place), at, missed)

    async def _look_up(self, did: str, since: datetime) -> list[Change]:
        try:
            return await self._posts_since(did, since)
        except RefusedError as error:
            if isinstance(error, XrpcRefusedError) and error.is_missing:
                return []
            return [Unreadable(did.encode(), f"the posts of {did} can't be looked up: {error}")]

    async def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """Posts since then, in their newest version, of every repository that our PDS has.

        It does not find deletions, versions between two edits, edits of posts older than `since`, and posts of people on
        other servers, whose repositories only a relay has.
        """
        at: str | None = None
        while True:
            params: dict[str, Any] = {"limit": 500} | ({"cursor": at} if at else {})
            page = await self._client.call("GET", "com.atproto.sync.listRepos", params=params)
            for repo in page["repos"]:
                if repo["did"] != self.account and (
                    changes := await self._look_up(repo["did"], since - LOOK_BACK)
                ):
                    yield Batch(changes)
            at = page.get("cursor")
            if not at:
                return

    async def _posts_since(self, did: str, since: datetime) -> list[Change]:
        latest = await self._client.call("GET", "com.atproto.sync.getLatestCommit", params={"did": did})
        changes: list[Change] = []
        at: str | None = None
        while True:
            params = {"repo": did, "collection": POST, "limit": 100} | ({"cursor": at} if at else {})
            page = await self._client.call("GET", "com.atproto.repo.listRecords", params=params)
            for record in page["records"]:
                origin = Origin(record["uri"], record["cid"], did, str(latest["rev"]), self._clock())
                changes += frames.of_record(origin, record["value"], self._us, update=False)
            at = page.get("cursor")
            # One wrong createdAt among a hundred must not end the search.
            stamps = [records.time(record["value"].get("createdAt")) for record in page["records"]]
            if not at or not any(stamp is None or stamp >= since for stamp in stamps):
                return changes[::-1]

    async def speaker(self, author: str) -> Speaker:
        """DID, handle (if it is proven) and display name, cached for an hour. What takes more than 5 s is left out."""
        cached = self._speakers.get(author)
        if cached is not None and self._clock() - cached[0] < SPEAKERS_CACHED_FOR:
            return cached[1]
        address = identifiers.did(author) or Identifier(kind=IdentifierKind.DID, value=clean(author)[:500])
        try:
            async with asyncio.timeout(SPEAKER_TIMEOUT_S):
                described, name = await asyncio.gather(
                    self._client.call("GET", "com.atproto.repo.describeRepo", params={"repo": author}),
                    self._display_name(author),
                )
        except (TransientError, RefusedError, TimeoutError) as error:
            LOG.info("speaker unknown for now", author=author, reason=str(error) or type(error).__name__)
            return cached[1] if cached else Speaker(address=address)
        # Anybody can claim any handle; only a proven one identifies its owner.
        proven = described.get("handleIsCorrect") is True
        handle = identifiers.handle(self.name, str(described.get("handle", ""))) if proven else None
        also = (
            [StatedIdentifier(kind=handle.kind, value=handle.value, stated_by=StatedBy.CHANNEL)]
            if handle
            else []
        )
        shown = name or (f"@{handle.value.partition('/')[2]}" if handle else None)
        speaker = Speaker(address=address, name=shown, also=also)
        _cache(self._speakers, author, (self._clock(), speaker))
        return speaker

    async def _display_name(self, author: str) -> str | None:
        try:
            profile = await self._record(author, "app.bsky.actor.profile", "self")
        except RefusedError:
            return None
        value = (profile or {}).get("value")
        shown = value.get("displayName") if isinstance(value, dict) else None
        return clean(shown).strip()[:200] or None if isinstance(shown, str) else None

    async def send(self, reply: Outgoing) -> list[str]:
        """Posts each part as an answer to the part before. A part that an earlier attempt posted is not posted again."""
        if not self.account:
            await self.connect_account()
        posted: list[dict[str, str]] = []
        parts = texts.split(reply.text)
        if len(parts) > self.reply_limits.parts:
            raise RefusedError(
                f"it would be posted in {len(parts)} parts; at most {self.reply_limits.parts} are allowed"
            )
        root: dict[str, str] | None = None
        for number, text in enumerate(parts):
            key = texts.record_key(reply.key, number, reply.requested_at)
            there = await self._record(self.account, POST, key)
            if there is not None and there["value"].get("text") != text:
                raise RefusedError(f"another post has the record key {key}")
            if root is None:
                root, parent = await self._thread(reply, there)
            else:
                parent = posted[-1]
            if there is None:
                record = {
                    "$type": POST,
                    "text": text,
                    "facets": texts.facets(text, await self._dids(text)),
                    "reply": {"root": root, "parent": parent},
                    "createdAt": rfc3339(self._clock()),
                }
                body = {"repo": self.account, "collection": POST, "rkey": key, "record": record}
                try:
                    there = await self._client.authorised("com.atproto.repo.createRecord", body)
                except RefusedError as error:
                    if not posted:
                        raise
                    raise RefusedError(
                        f"only {len(posted)} of {len(parts)} parts were posted: {error}"
                    ) from error
            posted.append({"uri": str(there["uri"]), "cid": str(there["cid"])})
        return [reference["uri"] for reference in posted]

    async def _thread(
        self, outgoing: Outgoing, first: dict[str, Any] | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Root and parent of the first part: those that it was posted with, or those that the answered post gives now."""
        if first is not None:
            reply = first["value"]["reply"]
            return reply["root"], reply["parent"]
        did, _, key = outgoing.parent.removeprefix("at://").partition(f"/{POST}/")
        post = await self._record(did, POST, key)
        if post is None:
            raise RefusedError("the post that is answered was deleted")
        parent = {"uri": outgoing.parent, "cid": str(post["cid"])}
        reply = outgoing.parent_record.get("reply")
        root = reply.get("root") if isinstance(reply, dict) else None
        return (root if isinstance(root, dict) else parent), parent

    async def _dids(self, text: str) -> dict[str, str]:
        """The DIDs of the handles in a text, without handles that belong to nobody."""
        dids: dict[str, str] = {}
        for handle in texts.handles(text):
            try:
                answer = await self._client.call(
                    "GET", "com.atproto.identity.resolveHandle", params={"handle": handle}
                )
            except RefusedError:
                continue
            dids[handle] = str(answer["did"])
        return dids

    async def fetch(self, author: str, native_id: str, limit: int) -> bytes:
        """The bytes of an image or video, at most `limit`. Raises RefusedError, TransientError."""
        params = {"did": author, "cid": native_id}
        return await self._client.download("com.atproto.sync.getBlob", params, limit)

    def link(self, native_id: str) -> str | None:
        """The address of a post on the website."""
        did, _, key = native_id.removeprefix("at://").partition(f"/{POST}/")
        return f"{self._app}/profile/{did}/post/{key}" if key else None

    async def _record(self, repo: str, collection: str, key: str) -> dict[str, Any] | None:
        params = {"repo": repo, "collection": collection, "rkey": key}
        try:
            return await self._client.call("GET", "com.atproto.repo.getRecord", params=params)
        except XrpcRefusedError as error:
            if error.is_missing:
                return None
            raise


class BlueskyServer:
    """Bluesky as the settings reach it: the PDS of our accounts, and the stream that is read."""

    recognises_repeats = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.reply_limits = texts.reply_limits(settings.reply_parts)
        self.split = texts.split

    @property
    def server(self) -> str:
        """The PDS."""
        return self._settings.service

    def create(self, handle: str, password: Callable[[], str], clock: Clock) -> Bluesky:
        """Our account of this handle."""
        settings = self._settings
        return Bluesky(
            settings.service,
            handle,
            password,
            settings.app,
            clock,
            settings.stream,
            settings.reply_parts,
        )
