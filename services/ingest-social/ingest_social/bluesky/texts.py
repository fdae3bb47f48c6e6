"""Pure: a long answer as posts of at most 300 graphemes, and the keys of their records."""

import hashlib
from datetime import datetime

import regex

MAX_GRAPHEMES = 300
MAX_BYTES = 3000
_GRAPHEME = regex.compile(r"\X")
_PIECES = regex.compile(r"\S+\s*|\s+")
_BASE32 = "234567abcdefghijklmnopqrstuvwxyz"


def graphemes(text: str) -> list[str]:
    """What a reader sees as characters: an emoji of several code points is one."""
    return _GRAPHEME.findall(text)


def split(text: str) -> list[str]:
    """`text` as one post, or as several that are numbered `(1/3)`: cut between words, or inside a word that is too long.

    No grapheme is cut; the words of all parts are the words of the text.
    """
    text = text.strip()
    if _fits(text, 0):
        return [text]
    reserved = len(" (99/99)")
    parts: list[str] = []
    current = ""
    for piece in (part for word in _PIECES.findall(text) for part in _short(word, reserved)):
        if current and not _fits((current + piece).rstrip(), reserved):
            parts.append(current.rstrip())
            current = ""
        current += piece if current else piece.lstrip()
    if current.strip():
        parts.append(current.rstrip())
    return [f"{part} ({number}/{len(parts)})" for number, part in enumerate(parts, 1)]


def _fits(text: str, reserved: int) -> bool:
    return len(graphemes(text)) + reserved <= MAX_GRAPHEMES and len(text.encode()) + reserved <= MAX_BYTES


def _short(word: str, reserved: int) -> list[str]:
    if _fits(word.rstrip(), reserved):
        return [word]
    pieces: list[str] = []
    current = ""
    for grapheme in graphemes(word):
        if current and not _fits(current + grapheme, reserved):
            pieces.append(current)
            current = ""
        current += grapheme
    return [*pieces, current]


def record_key(key: str, part: int, at: datetime) -> str:
    """The record key of a part: a TID (64 bits: microseconds, then 10 bits that tell writers apart), the same each time."""
    micros = int(at.timestamp() * 1_000_000) + part
    writer = int.from_bytes(hashlib.sha256(key.encode()).digest()[:2], "big") & 0x3FF
    number = (micros << 10) | writer
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(60, -1, -5))
