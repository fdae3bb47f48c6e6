"""Splits a reply into the parts in which a network takes it: as it is sent, and as its author is shown beforehand. Pure."""

from collections.abc import Callable

import regex

from antiphon.contracts.interactions import ReplyLimits

_GRAPHEME = regex.compile(r"\X")
_PIECES = regex.compile(r"\S+\s*|\s+")

Fits = Callable[[str], bool]


def too_many_parts(text: str, limits: ReplyLimits) -> list[str] | None:
    """The parts of a reply that has more of them than `limits` allow; None when it has not."""
    parts = split_in(text, limits.characters, limits.bytes)
    return parts if len(parts) > limits.parts else None


def graphemes(text: str) -> list[str]:
    """The characters that a reader sees: an emoji of several code points is one."""
    return _GRAPHEME.findall(text)


def split_in(text: str, characters: int, size_bytes: int) -> list[str]:
    """`text` as one part, or as several that are numbered `(1/3)`, each with at most so many characters and bytes.

    A character is one that a reader sees. The text is cut between words, or inside a word that is too long.

    A grapheme is cut only when it alone is too large for a part. Together the parts have all words of the text.
    """
    text = text.strip()
    if _fitting(characters, size_bytes)(text):
        return [text]
    digits = 1
    while True:
        number = len(" (/)") + 2 * digits
        parts = _cut(text, _fitting(characters - number, size_bytes - number))
        if len(parts) < 10**digits:
            return [f"{part} ({number}/{len(parts)})" for number, part in enumerate(parts, 1)]
        digits += 1


def _fitting(characters: int, size_bytes: int) -> Fits:
    def fits(text: str) -> bool:
        return len(text.encode()) <= size_bytes and len(graphemes(text)) <= characters

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
