"""Bluesky as a network: the event stream of a PDS over a websocket, answers by its XRPC API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from antiphon import identifiers, logs
from antiphon.clock import Clock
from antiphon.contracts.interactions import Identifier, IdentifierKind, Speaker, StatedBy, StatedIdentifier
from antiphon.text import clean
from ingest_social.bluesky import frames, texts
from ingest_social.network import Batch, Change, Outgoing, PassingError, PostRefusedError

LOG = logs.get(__name__)
MAX_FRAMES = 200
QUIET = timedelta(milliseconds=50)
NAMES_KEPT_FOR = timedelta(hours=1)
_NOT_FOUND = ("RecordNotFound", "RepoNotFound", "Could not locate record")


class Bluesky:
    """One account of ours on a PDS. `connect_account` signs in and learns its DID."""

    name = "bluesky"

    def __init__(self, service: str, handle: str, password: str, app: str, clock: Clock) -> None:
        self._service = service.rstrip("/")
        self._handle = handle
        self._password = password
        self._app = app.rstrip("/")
        self._clock = clock
        self._http = httpx.AsyncClient(base_url=f"{self._service}/xrpc", timeout=20)
        self._token: str | None = None
        self._speakers: dict[str, tuple[datetime, Speaker]] = {}
        self.account = ""

    async def connect_account(self) -> None:
        """Signs in. Raises PassingError when the PDS is away, PostRefusedError when it refuses the password."""
        answer = await self._call(
            "POST",
            "com.atproto.server.createSession",
            json={"identifier": self._handle, "password": self._password},
        )
        self._token, self.account = str(answer["accessJwt"]), str(answer["did"])

    async def close(self) -> None:
        """Ends the connections to the PDS."""
        await self._http.aclose()

    async def follow(self, cursor: int) -> AsyncIterator[Batch]:
        """Frames in small batches: as many as have come, at most 200."""
        url = (
            self._service.replace("http", "ws", 1) + f"/xrpc/com.atproto.sync.subscribeRepos?cursor={cursor}"
        )
        try:
            async with connect(url, max_size=16 * 1024 * 1024, open_timeout=20) as socket:
                while True:
                    batch = [await socket.recv()]
                    try:
                        async with asyncio.timeout(QUIET.total_seconds()):
                            while len(batch) < MAX_FRAMES:
                                batch.append(await socket.recv())
                    except TimeoutError:
                        pass
                    cursor, found = await self._batch([_bytes(frame) for frame in batch], cursor)
                    yield found
        except (OSError, WebSocketException, TimeoutError) as error:
            raise PassingError(f"{type(error).__name__}: {error}") from error

    async def _batch(self, received: list[bytes], cursor: int) -> tuple[int, Batch]:
        changes: list[Change] = []
        missed = False
        for frame in received:
            read = frames.read(frame, self.account, self._clock())
            changes += read.changes
            missed = missed or read.info == "OutdatedCursor"
            if read.info in {"FutureCursor", "ConsumerTooSlow"}:
                raise PassingError(f"the stream says {read.info}")
            if read.too_big:
                changes += await self._newest_posts(read.too_big, self._clock() - timedelta(hours=1))
            cursor = read.seq or cursor
        return cursor, Batch(changes, cursor, missed)

    async def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """Posts since then of every repository that the PDS has. Deletions of that time can't be found."""
        at: str | None = None
        while True:
            found = await self._call(
                "GET", "com.atproto.sync.listRepos", params={"limit": 500} | ({"cursor": at} if at else {})
            )
            for repo in found["repos"]:
                if repo["did"] != self.account and (changes := await self._newest_posts(repo["did"], since)):
                    yield Batch(changes, 0)
            at = found.get("cursor")
            if not at:
                return

    async def _newest_posts(self, did: str, since: datetime) -> list[Change]:
        changes: list[Change] = []
        at: str | None = None
        while True:
            params = {"repo": did, "collection": frames.POST, "limit": 100} | ({"cursor": at} if at else {})
            found = await self._call("GET", "com.atproto.repo.listRecords", params=params)
            for record in found["records"]:
                new = frames.of_record(
                    record["uri"],
                    record["cid"],
                    did,
                    record["value"],
                    self.account,
                    self._clock(),
                    update=False,
                )
                changes += new
            at = found.get("cursor")
            stamps = [str(record["value"].get("createdAt", "")) for record in found["records"]]
            if not at or not stamps or min(stamps) < since.isoformat():
                return changes

    async def speaker(self, author: str) -> Speaker:
        """DID, handle and display name; kept for an hour. What can't be found out is left out."""
        kept = self._speakers.get(author)
        if kept is not None and self._clock() - kept[0] < NAMES_KEPT_FOR:
            return kept[1]
        address = identifiers.did(author) or Identifier(kind=IdentifierKind.DID, value=clean(author)[:500])
        try:
            described = await self._call("GET", "com.atproto.repo.describeRepo", params={"repo": author})
            handle = identifiers.handle(self.name, str(described.get("handle", "")))
            name = await self._display_name(author)
        except (PassingError, PostRefusedError) as error:
            LOG.info("speaker's handle is unknown for now", reason=str(error))
            return Speaker(address=address)
        also = (
            [StatedIdentifier(kind=handle.kind, value=handle.value, stated_by=StatedBy.CHANNEL)]
            if handle
            else []
        )
        shown = name or (f"@{handle.value.partition('/')[2]}" if handle else None)
        speaker = Speaker(address=address, name=shown, also=also)
        self._speakers[author] = (self._clock(), speaker)
        return speaker

    async def _display_name(self, author: str) -> str | None:
        try:
            profile = await self._get_record(author, "app.bsky.actor.profile", "self")
        except PostRefusedError:
            return None
        name = clean(str((profile or {}).get("value", {}).get("displayName") or "")).strip()
        return name[:200] or None

    async def post(self, answer: Outgoing) -> list[str]:
        """Each part answers the one before; a part that is there from an earlier attempt is not posted again."""
        parent = {"uri": answer.parent, "cid": answer.parent_revision}
        root = ((answer.parent_record.get("reply") or {}).get("root")) or parent
        posted: list[str] = []
        for number, text in enumerate(texts.split(answer.text)):
            key = texts.record_key(answer.key, number, answer.requested_at)
            there = await self._get_record(self.account, frames.POST, key)
            if there is None:
                record = {
                    "$type": frames.POST,
                    "text": text,
                    "facets": _links(text),
                    "reply": {"root": root, "parent": parent},
                    "createdAt": self._clock().isoformat().replace("+00:00", "Z"),
                }
                body = {"repo": self.account, "collection": frames.POST, "rkey": key, "record": record}
                there = await self._authorised("com.atproto.repo.createRecord", body)
            parent = {"uri": str(there["uri"]), "cid": str(there["cid"])}
            posted.append(parent["uri"])
        return posted

    def link(self, native_id: str) -> str | None:
        """Where people see a post on the web."""
        did, _, key = native_id.removeprefix("at://").partition(f"/{frames.POST}/")
        return f"{self._app}/profile/{did}/post/{key}" if key else None

    async def exists(self, uri: str) -> bool:
        """Whether a post is still there."""
        did, _, key = uri.removeprefix("at://").partition(f"/{frames.POST}/")
        return await self._get_record(did, frames.POST, key) is not None

    async def _get_record(self, repo: str, collection: str, key: str) -> dict[str, Any] | None:
        try:
            return await self._call(
                "GET",
                "com.atproto.repo.getRecord",
                params={"repo": repo, "collection": collection, "rkey": key},
            )
        except PostRefusedError as error:
            if any(word in str(error) for word in _NOT_FOUND):
                return None
            raise

    async def _authorised(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        for _ in range(2):
            if self._token is None:
                await self.connect_account()
            try:
                return await self._call("POST", method, json=body, token=self._token)
            except PostRefusedError as error:
                if "ExpiredToken" not in str(error) and "InvalidToken" not in str(error):
                    raise
                self._token = None
        raise PassingError("the session expires at once")

    async def _call(
        self, verb: str, method: str, *, params: dict[str, Any] | None = None, json: dict[str, Any] | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._http.request(verb, f"/{method}", params=params, json=json, headers=headers)
        except httpx.HTTPError as error:
            raise PassingError(f"{method}: {type(error).__name__}") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            wait = answer.headers.get("retry-after")
            raise PassingError(
                f"{method}: status {answer.status_code}", float(wait) if wait and wait.isdecimal() else None
            )
        if answer.is_error:
            raise PostRefusedError(f"{method}: {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def _links(text: str) -> list[dict[str, Any]]:
    """Facets that make addresses in the text links; offsets count UTF-8 bytes."""
    facets: list[dict[str, Any]] = []
    for match in texts.regex.finditer(r"https?://[^\s()<>]+[^\s()<>.,;:!?]", text):
        start = len(text[: match.start()].encode())
        facets.append(
            {
                "index": {"byteStart": start, "byteEnd": start + len(match.group().encode())},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": match.group()}],
            }
        )
    return facets
