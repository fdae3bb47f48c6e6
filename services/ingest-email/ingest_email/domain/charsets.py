"""Decodes bytes to text, whatever charset they claim to be in. Nothing here raises."""

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from typing import NamedTuple

# The charsets that mail programs mean by the names that they write; often a superset. Source: WHATWG Encoding.
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
}
# Python codecs that are not charsets of mail.
_NOT_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
# Python caches every name that it is asked for: names that strangers make up would fill the memory.
_KNOWN = frozenset(
    {*aliases, *aliases.values(), *(module.name for module in pkgutil.iter_modules(encodings.__path__))}
)
_NARROW = {"cp1252"}
_HIGH = re.compile(rb"[\x80-\xff]")


class Decoded(NamedTuple):
    """Text, and what was wrong with its charset."""

    text: str
    defect: str | None


def decode(data: bytes, declared: str | None) -> Decoded:
    """`data` as text: by its declared charset if that works, else UTF-8, else Windows-1252."""
    name = (declared or "").strip().strip("\"'").lower()
    if not name:
        defect = "charset-missing" if _HIGH.search(data) else None
        if b"\x1b$" in data:
            return Decoded(data.decode("iso2022_jp_ext", "replace"), defect)
        return Decoded(_guess(data), defect)
    codec = _codec(name)
    if codec is None:
        return Decoded(_guess(data), "charset-unknown")
    if codec in _NARROW and _HIGH.search(data) and (text := _strict(data, "utf-8")) is not None:
        # Bytes that are valid UTF-8 are UTF-8: as text in a Western charset they would be nonsense.
        return Decoded(text, "charset-wrong")
    text = _strict(data, codec)
    if text is not None:
        return Decoded(text, "charset-wrong" if name.endswith("ascii") and _HIGH.search(data) else None)
    return Decoded(_guess(data, codec), "charset-wrong")


def _codec(name: str) -> str | None:
    name = _MEANT.get(name, name)
    plain = encodings.normalize_encoding(name)
    if plain not in _KNOWN and plain.replace(".", "_") not in _KNOWN:
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, TypeError):
        return None
    if not info._is_text_encoding or info.name.replace("_", "-") in _NOT_CHARSETS:  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - Python has no public way to ask
        return None
    return info.name


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (ValueError, LookupError):
        return None


def _guess(data: bytes, codec: str = "cp1252") -> str:
    text = _strict(data, "utf-8")
    if text is not None:
        return text
    try:
        return data.decode(codec, "replace")
    except (ValueError, LookupError):
        return data.decode("cp1252", "replace")
