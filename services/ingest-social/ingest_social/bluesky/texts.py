"""How large a post may be, the links and mentions in it, and its keys. Pure.

Source: lexicons app.bsky.feed.post and app.bsky.richtext.facet; atproto.com/specs/tid.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import regex

from antiphon.contracts.interactions import ReplyLimits
from antiphon.delivery.parts import split_in

MAX_GRAPHEMES = 300
MAX_BYTES = 3000
_LINK = regex.compile(r"https?://[^\s()<>]+[^\s()<>.,;:!?'\"]")
_HANDLE = regex.compile(
    r"(?<![\w@./-])@((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*)", regex.IGNORECASE
)
_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
_SPREAD = 900_000


def reply_limits(parts: int) -> ReplyLimits:
    """How long a reply in at most so many posts may be."""
    return ReplyLimits(parts=parts, characters=MAX_GRAPHEMES, bytes=MAX_BYTES)


def split(text: str) -> list[str]:
    """`text` as the posts in which it goes out."""
    return split_in(text, MAX_GRAPHEMES, MAX_BYTES)


def handles(text: str) -> list[str]:
    """The handles that `text` mentions, each once, in lower case."""
    return list(dict.fromkeys(match.group(1).lower() for match in _HANDLE.finditer(text)))


def facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """The facets that make addresses links, and `@handle` a mention of its DID. Offsets count UTF-8 bytes."""
    marked = [
        _facet(text, match, {"$type": "app.bsky.richtext.facet#link", "uri": match.group()})
        for match in _LINK.finditer(text)
    ]
    marked += [
        _facet(text, match, {"$type": "app.bsky.richtext.facet#mention", "did": did})
        for match in _HANDLE.finditer(text)
        if (did := dids.get(match.group(1).lower()))
    ]
    return marked


def _facet(text: str, match: regex.Match[str], feature: dict[str, Any]) -> dict[str, Any]:
    start = len(text[: match.start()].encode())
    return {
        "index": {"byteStart": start, "byteEnd": start + len(match.group().encode())},
        "features": [feature],
    }


def record_key(key: str, part: int, at: datetime) -> str:
    """The record key of a part, the same each time. It is a TID: 53 bits of microseconds, then 10 bits for the writer.

    The microseconds are within the second after `at`, at a place that depends on `key`: replies of one moment get different keys.
    """
    digest = hashlib.sha256(key.encode()).digest()
    micros = int(at.timestamp() * 1_000_000) + int.from_bytes(digest[2:6], "big") % _SPREAD + part
    number = (micros << 10) | (int.from_bytes(digest[:2], "big") & 0x3FF)
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(60, -1, -5))
