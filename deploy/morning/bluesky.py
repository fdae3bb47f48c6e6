"""A person on Bluesky: has an account on the PDS, posts, and reads the replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx


@dataclass(frozen=True)
class Account:
    """A signed-in account: its DID, its handle and its access token."""

    did: str
    handle: str
    token: str


async def sign_in(http: httpx.AsyncClient, pds: str, handle: str, password: str) -> Account:
    """The account of `handle`, which is created if it does not exist. Raises httpx.HTTPStatusError."""
    session = await http.post(
        f"{pds}/xrpc/com.atproto.server.createSession", json={"identifier": handle, "password": password}
    )
    if session.status_code in {400, 401}:
        session = await http.post(
            f"{pds}/xrpc/com.atproto.server.createAccount",
            json={"handle": handle, "email": f"{handle}@mail.example", "password": password},
        )
    session.raise_for_status()
    body = session.json()
    return Account(body["did"], handle, body["accessJwt"])


async def did_of(http: httpx.AsyncClient, pds: str, handle: str) -> str:
    """The DID of a handle. Raises httpx.HTTPStatusError."""
    answer = await http.get(f"{pds}/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle})
    answer.raise_for_status()
    return str(answer.json()["did"])


def mention(text: str, handle: str, did: str) -> list[dict[str, Any]]:
    """The facet that makes `@handle` in `text` a mention; empty without one. Its offsets count UTF-8 bytes, as the lexicon says."""
    at = text.find(f"@{handle}")
    if at < 0:
        return []
    start = len(text[:at].encode())
    return [
        {
            "index": {"byteStart": start, "byteEnd": start + len(handle) + 1},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": did}],
        }
    ]


async def post(
    http: httpx.AsyncClient,
    pds: str,
    account: Account,
    text: str,
    facets: list[dict[str, Any]],
    now: datetime,
) -> str:
    """Posts for the account; returns the at:// URI. Raises httpx.HTTPStatusError."""
    answer = await http.post(
        f"{pds}/xrpc/com.atproto.repo.createRecord",
        headers={"Authorization": f"Bearer {account.token}"},
        json={
            "repo": account.did,
            "collection": "app.bsky.feed.post",
            "record": {
                "$type": "app.bsky.feed.post",
                "text": text,
                "facets": facets,
                "langs": ["en"],
                "createdAt": now.isoformat().replace("+00:00", "Z"),
            },
        },
    )
    answer.raise_for_status()
    return str(answer.json()["uri"])


async def answers_to(http: httpx.AsyncClient, pds: str, author: str, uri: str) -> list[str]:
    """Texts of the posts in the repository of `author` (a DID) that reply to `uri`, newest first."""
    answer = await http.get(
        f"{pds}/xrpc/com.atproto.repo.listRecords",
        params={"repo": author, "collection": "app.bsky.feed.post", "limit": 100},
    )
    answer.raise_for_status()
    values = [record["value"] for record in answer.json()["records"]]
    return [
        str(value["text"]) for value in values if value.get("reply", {}).get("parent", {}).get("uri") == uri
    ]
