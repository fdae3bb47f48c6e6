"""A customer's HTML: made harmless for a desktop, and read as text. Nothing here raises."""

import html as entities
import re
from typing import NamedTuple

import nh3
from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from antiphon.text import clean

LONGEST = 400_000
# Beyond this nesting the parser's time grows with the square; no person writes it.
DEEPEST = 3_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
_IMPLIED = {"p", "li", "td", "tr", "th", "dd", "dt", "option"}
_TAGS = {
    "a", "abbr", "address", "b", "big", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup",
    "dd", "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd",
    "li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align", "valign"},
    "th": {"colspan", "rowspan", "align", "valign"},
    "font": {"color"},
    "ol": {"start"},
}
_DROPPED = {"script", "style", "title", "head", "template", "noscript", "iframe", "object", "svg", "math"}
_LINK = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_OWN_IMAGE = re.compile(r"cid:[^\s\"'<>]{1,300}", re.IGNORECASE)
_IMAGE = re.compile(r'<img((?:\s+[a-z-]+="[^"]*")*)\s*/?>')
_ANY_TAG = re.compile(r"<[^<>]*>")
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False, display_images=False)


class Rendered(NamedTuple):
    """HTML made harmless (None when it can't be), as text, and what was wrong with it."""

    html: str | None
    text: str
    defect: str | None


def render(source: str) -> Rendered:
    """`source` without script, style, form and remote content, and its text."""
    source = clean(source)
    if len(source) > LONGEST:
        return Rendered(None, stripped(source), "html-too-long")
    if _depth(source) > DEEPEST:
        return Rendered(None, stripped(source), "html-too-deep")
    try:
        safe = sanitised(source)
    except Exception:  # noqa: BLE001 - whatever defeats the sanitiser is not shown
        return Rendered(None, stripped(source), "html-broken")
    return Rendered(safe, _as_text(safe), None)


def sanitised(source: str) -> str:
    """The HTML with only harmless elements; images only from the mail itself; links open without their opener."""
    safe = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return _IMAGE.sub(lambda match: match[0] if 'src="' in match[1] else "", safe)


def _filter(tag: str, attribute: str, value: str) -> str | None:
    value = value.strip()
    if attribute == "href":
        return value if _LINK.match(value) else None
    if attribute == "src":
        return value if tag == "img" and _OWN_IMAGE.fullmatch(value) else None
    return value


def _depth(source: str) -> int:
    deepest = depth = 0
    for match in _TAG.finditer(source):
        name = match[2].lower()
        if name in _VOID or name in _IMPLIED:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _as_text(safe: str) -> str:
    plain = stripped(safe)
    if not plain:
        return ""
    try:
        text = get_text(f"<html><body>{safe}</body></html>", _CONFIG)
    except Exception:  # noqa: BLE001 - its recursion has a limit; the plain way has none
        return plain
    text = tidied(clean(text).replace("\xa0", " "))
    return text or plain


def stripped(source: str) -> str:
    """The text of HTML without any understanding of it: tags removed, entities read."""
    without = re.sub(r"(?is)<(script|style)\b.*?(?:</\1|\Z)", " ", source[: LONGEST * 2])
    broken = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b", "\n<", without)
    return tidied(clean(entities.unescape(_ANY_TAG.sub("", broken))).replace("\xa0", " "))


def tidied(text: str) -> str:
    """Text without spaces at line ends and without more than one empty line."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
