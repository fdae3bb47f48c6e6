"""Bluesky as a network: the event stream of a PDS or relay over a websocket, answers by the XRPC API of our PDS."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from antiphon import identifiers
from antiphon.contracts.interactions import Identifier, IdentifierKind, Speaker, StatedBy, StatedIdentifier
from antiphon.process import logs
from antiphon.process.clock import Clock
from antiphon.text import clean
from ingest_social.bluesky import frames, records, texts
from ingest_social.bluesky.client import Client, XrpcRefusedError
from ingest_social.bluesky.records import POST, Origin, Us
from ingest_social.bluesky.settings import Settings
from ingest_social.network import (
    AccountError,
    Batch,
    Change,
    Outgoing,
    PassingError,
    PostRefusedError,
    Unreadable,
)

LOG = logs.get(__name__)
MAX_FRAMES = 200
QUIET_S = 0.05
MOMENT_S = 5
NAMES_KEPT_FOR = timedelta(hours=1)
KEPT = 10_000
LOOK_BACK = timedelta(hours=1)
Value = TypeVar("Value")


def _keep(kept: dict[str, Value], key: str, value: Value) -> None:
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[key] = value


async def _arrived(socket: ClientConnection) -> tuple[list[bytes], WebSocketException | None]:
    """The next frames, at most 200; and what ended the connection after them, whose reason may be in the last one."""
    received = [await socket.recv(decode=False)]
    try:
        async with asyncio.timeout(QUIET_S):
            while len(received) < MAX_FRAMES:
                received.append(await socket.recv(decode=False))
    except TimeoutError:
        pass
    except WebSocketException as lost:
        return received, lost
    return received, None


def create(handle: str, clock: Clock) -> "Bluesky":
    """Our account of this handle. Raises AccountError when its password is not told."""
    settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
    password = settings.passwords.get(handle)
    if password is None:
        raise AccountError(f"INGEST_SOCIAL_BLUESKY_PASSWORDS has none of {handle}")
    return Bluesky(
        settings.service, handle, password.get_secret_value(), settings.app, clock, settings.stream
    )


class Bluesky:
    """One account of ours. Posts of ours are at its PDS (`service`); what others say comes from `stream`."""

    name = "bluesky"
    recognises_repeats = True

    def __init__(
        self, service: str, handle: str, password: str, app: str, clock: Clock, stream: str | None = None
    ) -> None:
        self._stream = (stream or service).rstrip("/").replace("http", "ws", 1)
        self._handle = handle
        self._app = app.rstrip("/")
        self._clock = clock
        self._client = Client(service.rstrip("/"), handle, password, clock)
        self._speakers: dict[str, tuple[datetime, Speaker]] = {}
        self._reached: dict[str, str] = {}

    @property
    def account(self) -> str:
        """Our DID; empty until `connect_account` came back."""
        return self._client.did

    @property
    def _us(self) -> Us:
        return Us(self.account, self._handle)

    async def connect_account(self) -> None:
        """Signs in. Raises PassingError."""
        await self._client.sign_in()

    async def close(self) -> None:
        """Ends the connections to the PDS."""
        await self._client.close()

    async def follow(self, cursor: str | None) -> AsyncIterator[Batch]:
        """Frames in small batches: as many as have come, at most 200. The cursor is the number of a frame."""
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
            raise PassingError(f"{type(error).__name__}: {error}") from error

    async def _batch(self, received: list[bytes], place: int) -> tuple[int, Batch]:
        """What frames say, and the number of the last one."""
        changes: list[Change] = []
        missed = False
        at: datetime | None = None
        for frame in received:
            read = frames.read(frame, self._us, self._clock())
            changes += read.changes
            missed = missed or read.info == "OutdatedCursor"
            if read.info == "FutureCursor":
                # The stream's numbers began anew, e.g. a restored PDS: begin anew too.
                return 0, Batch(changes, "0", missed=True)
            if read.info is not None and not missed:
                raise PassingError(f"the stream says {read.info}")
            if read.renamed:
                self._speakers.pop(read.renamed, None)
            # A repository that came to what we saw it come to has nothing new; each new one says so once.
            known = read.reached is not None and self._reached.get(read.reached[0]) == read.reached[1]
            if read.reached:
                self._reached.pop(read.reached[0], None)
                _keep(self._reached, *read.reached)
            if read.look_up and not known:
                changes += await self._look_up(read.look_up, (read.at or self._clock()) - LOOK_BACK)
            place = read.seq or place
            at = read.at or at
        return place, Batch(changes, str(place), at, missed)

    async def _look_up(self, did: str, since: datetime) -> list[Change]:
        try:
            return await self._posts_since(did, since)
        except PostRefusedError as error:
            if isinstance(error, XrpcRefusedError) and error.not_there:
                return []
            return [Unreadable(did.encode(), f"posts of {did} could not be looked up: {error}")]

    async def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """Posts since then, in their newest version, of every repository that our PDS has.

        Not found: posts that were deleted in that time or before, versions between two edits, edits of posts older than
        `since`, and posts of people on other servers, whose repositories only a relay knows.
        """
        at: str | None = None
        while True:
            params: dict[str, Any] = {"limit": 500} | ({"cursor": at} if at else {})
            found = await self._client.call("GET", "com.atproto.sync.listRepos", params=params)
            for repo in found["repos"]:
                if repo["did"] != self.account and (
                    changes := await self._look_up(repo["did"], since - LOOK_BACK)
                ):
                    yield Batch(changes)
            at = found.get("cursor")
            if not at:
                return

    async def _posts_since(self, did: str, since: datetime) -> list[Change]:
        latest = await self._client.call("GET", "com.atproto.sync.getLatestCommit", params={"did": did})
        changes: list[Change] = []
        at: str | None = None
        while True:
            params = {"repo": did, "collection": POST, "limit": 100} | ({"cursor": at} if at else {})
            found = await self._client.call("GET", "com.atproto.repo.listRecords", params=params)
            for record in found["records"]:
                origin = Origin(record["uri"], record["cid"], did, str(latest["rev"]), self._clock())
                changes += frames.of_record(origin, record["value"], self._us, update=False)
            at = found.get("cursor")
            # One wrong clock among a hundred must not end the search.
            stamps = [records.time(record["value"].get("createdAt")) for record in found["records"]]
            if not at or not any(stamp is None or stamp >= since for stamp in stamps):
                return changes[::-1]

    async def speaker(self, author: str) -> Speaker:
        """DID, handle (if it is proven) and display name; kept for an hour. What can't be found in 5 s is left out."""
        kept = self._speakers.get(author)
        if kept is not None and self._clock() - kept[0] < NAMES_KEPT_FOR:
            return kept[1]
        address = identifiers.did(author) or Identifier(kind=IdentifierKind.DID, value=clean(author)[:500])
        try:
            async with asyncio.timeout(MOMENT_S):
                described, name = await asyncio.gather(
                    self._client.call("GET", "com.atproto.repo.describeRepo", params={"repo": author}),
                    self._display_name(author),
                )
        except (PassingError, PostRefusedError, TimeoutError) as error:
            LOG.info("speaker is unknown for now", author=author, reason=str(error) or type(error).__name__)
            return kept[1] if kept else Speaker(address=address)
        # Anybody can claim any handle; only a proven one says who it is.
        proven = described.get("handleIsCorrect") is True
        handle = identifiers.handle(self.name, str(described.get("handle", ""))) if proven else None
        also = (
            [StatedIdentifier(kind=handle.kind, value=handle.value, stated_by=StatedBy.CHANNEL)]
            if handle
            else []
        )
        shown = name or (f"@{handle.value.partition('/')[2]}" if handle else None)
        speaker = Speaker(address=address, name=shown, also=also)
        _keep(self._speakers, author, (self._clock(), speaker))
        return speaker

    async def _display_name(self, author: str) -> str | None:
        try:
            profile = await self._record(author, "app.bsky.actor.profile", "self")
        except PostRefusedError:
            return None
        value = (profile or {}).get("value")
        shown = value.get("displayName") if isinstance(value, dict) else None
        return clean(shown).strip()[:200] or None if isinstance(shown, str) else None

    async def post(self, answer: Outgoing) -> list[str]:
        """Each part answers the one before; a part that is there from an earlier attempt is not posted again."""
        if not self.account:
            await self.connect_account()
        posted: list[dict[str, str]] = []
        parts = texts.split(answer.text)
        root: dict[str, str] | None = None
        for number, text in enumerate(parts):
            key = texts.record_key(answer.key, number, answer.requested_at)
            there = await self._record(self.account, POST, key)
            if there is not None and there["value"].get("text") != text:
                raise PostRefusedError(f"another post has the record key {key}")
            if root is None:
                root, parent = await self._thread(answer, there)
            else:
                parent = posted[-1]
            if there is None:
                record = {
                    "$type": POST,
                    "text": text,
                    "facets": texts.facets(text, await self._dids(text)),
                    "reply": {"root": root, "parent": parent},
                    "createdAt": self._clock().isoformat().replace("+00:00", "Z"),
                }
                body = {"repo": self.account, "collection": POST, "rkey": key, "record": record}
                try:
                    there = await self._client.authorised("com.atproto.repo.createRecord", body)
                except PostRefusedError as error:
                    if not posted:
                        raise
                    raise PostRefusedError(
                        f"only {len(posted)} of {len(parts)} parts were posted: {error}"
                    ) from error
            posted.append({"uri": str(there["uri"]), "cid": str(there["cid"])})
        return [reference["uri"] for reference in posted]

    async def _thread(
        self, answer: Outgoing, first: dict[str, Any] | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Root and parent of the first part: as it was posted, or as the post that is answered stands now."""
        if first is not None:
            reply = first["value"]["reply"]
            return reply["root"], reply["parent"]
        did, _, key = answer.parent.removeprefix("at://").partition(f"/{POST}/")
        found = await self._record(did, POST, key)
        if found is None:
            raise PostRefusedError("the post that is answered was deleted")
        parent = {"uri": answer.parent, "cid": str(found["cid"])}
        reply = answer.parent_record.get("reply")
        root = reply.get("root") if isinstance(reply, dict) else None
        return (root if isinstance(root, dict) else parent), parent

    async def _dids(self, text: str) -> dict[str, str]:
        """DIDs of the handles in a text; one that belongs to nobody stays mere text."""
        found: dict[str, str] = {}
        for handle in texts.handles(text):
            try:
                answer = await self._client.call(
                    "GET", "com.atproto.identity.resolveHandle", params={"handle": handle}
                )
            except PostRefusedError:
                continue
            found[handle] = str(answer["did"])
        return found

    async def fetch(self, author: str, native_id: str, limit: int) -> bytes:
        """The bytes of an image or video, at most `limit`. Raises PostRefusedError, PassingError."""
        params = {"did": author, "cid": native_id}
        return await self._client.download("com.atproto.sync.getBlob", params, limit)

    def link(self, native_id: str) -> str | None:
        """Where people see a post on the web."""
        did, _, key = native_id.removeprefix("at://").partition(f"/{POST}/")
        return f"{self._app}/profile/{did}/post/{key}" if key else None

    async def _record(self, repo: str, collection: str, key: str) -> dict[str, Any] | None:
        params = {"repo": repo, "collection": collection, "rkey": key}
        try:
            return await self._client.call("GET", "com.atproto.repo.getRecord", params=params)
        except XrpcRefusedError as error:
            if error.not_there:
                return None
            raise
