"""Splits a long reply into posts of at most 300 graphemes, finds their links and mentions, and makes their keys. Pure.

Source: lexicons app.bsky.feed.post and app.bsky.richtext.facet; atproto.com/specs/tid.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import regex

MAX_GRAPHEMES = 300
MAX_BYTES = 3000
_GRAPHEME = regex.compile(r"\X")
_PIECES = regex.compile(r"\S+\s*|\s+")
_LINK = regex.compile(r"https?://[^\s()<>]+[^\s()<>.,;:!?'\"]")
_HANDLE = regex.compile(
    r"(?<![\w@./-])@((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*)", regex.IGNORECASE
)
_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"
_SPREAD = 900_000

Fits = Callable[[str], bool]


def graphemes(text: str) -> list[str]:
    """The characters that a reader sees: an emoji of several code points is one."""
    return _GRAPHEME.findall(text)


def split(text: str) -> list[str]:
    """`text` as one post, or as several that are numbered `(1/3)`. It is cut between words, or inside a word that is too long.

    A grapheme is cut only when it alone is too large for a post. Together the parts have all words of the text.
    """
    text = text.strip()
    if _fitting(0)(text):
        return [text]
    digits = 1
    while True:
        parts = _cut(text, _fitting(len(" (/)") + 2 * digits))
        if len(parts) < 10**digits:
            return [f"{part} ({number}/{len(parts)})" for number, part in enumerate(parts, 1)]
        digits += 1


def _fitting(reserved: int) -> Fits:
    def fits(text: str) -> bool:
        return len(text.encode()) + reserved <= MAX_BYTES and len(graphemes(text)) + reserved <= MAX_GRAPHEMES

    return fits


def _cut(text: str, fits: Fits) -> list[str]:
    parts: list[str] = []
    current = ""
    for piece in (part for word in _PIECES.findall(text) for part in _short(word, fits)):
        if current and not fits((current + piece).rstrip()):
            parts.append(current.rstrip())
            current = ""
        current += piece if current else piece.lstrip()
    if current.strip():
        parts.append(current.rstrip())
    return parts


def _short(word: str, fits: Fits) -> list[str]:
    if fits(word.rstrip()):
        return [word]
    pieces: list[str] = []
    current = ""
    for grapheme in graphemes(word):
        for part in [grapheme] if fits(grapheme) else grapheme:
            if current and not fits(current + part):
                pieces.append(current)
                current = ""
            current += part
    return [*pieces, current]


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
