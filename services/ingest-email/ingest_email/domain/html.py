"""A customer's HTML: made harmless for a desktop, and read as text. Nothing here raises."""

import html as entities
import re
from collections import Counter
from typing import NamedTuple

import nh3
from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from antiphon.text import clean

LONGEST = 400_000
# Of what is left of it, in bytes of UTF-8: it goes into events.
LONGEST_SAFE = 200_000
# Beyond this nesting the parser's time grows with the square; no person writes it.
DEEPEST = 3_000
# Bounds from above on what the parser does, which no way of writing evades: steps down its stack (half a second),
# copies of formatting that stays open (about 100 MiB), and entities (each copies the text before it).
MOST_STEPS = 100_000_000
MOST_COPIES = 300_000
MOST_ENTITIES = 30_000
# Characters of a text whose tables are laid out in columns.
LONGEST_LAYOUT = 30_000_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
_IMPLIED = {"p", "li", "td", "tr", "th", "dd", "dt", "option"}
# What a parser makes anew in the next block when it was not closed in this one: WHATWG HTML, 13.2.4.3. Links are
# left out: one at a time stays open, but for tricks with nine blocks in each.
_FORMATTING = re.compile(
    r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])([^<>]*+)(>?)", re.IGNORECASE
)
# One that is closed before any other tag, so never made anew; what is left of those around it may be closed so, too.
_PAIR = re.compile(
    r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])([^<>]*+)>[^<]*+</\1(?![^\s>])[^<>]*+>",
    re.IGNORECASE,
)
MOST_PAIRS_DEEP = 8
_FORMATTING_END = re.compile(
    r"</(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])[^<>]*+>", re.IGNORECASE
)
# Attributes that are whole: no quote is open at their end.
_WHOLE = re.compile(
    r"""(?:[ \t\n\f/]++|(?:=[^ \t\n\f/>=]*+|[^ \t\n\f/>=]++)(?:[ \t\n\f]*+=[ \t\n\f]*+(?:"[^"]*+"|'[^']*+'|[^ \t\n\f>"'][^ \t\n\f>]*+)?+)?+)*+"""
)
_ANY_BEGIN = re.compile(r"</?[a-z]", re.IGNORECASE)
_START_BEGIN = re.compile(r"<[a-z]", re.IGNORECASE)
_NEW_LINE = re.compile(
    r"<(?!/?(?:a|abbr|b|big|cite|code|em|font|i|s|small|span|strike|strong|sub|sup|tt|u)\b)[^<>]*>"
)
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
    bounded = _bounded(source)
    try:
        safe = None if bounded is None else sanitised(bounded)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever defeats the sanitiser is not shown
        return Rendered(None, stripped(source), "html-broken")
    if safe is None or len(safe) > LONGEST:
        return Rendered(None, stripped(source), "html-too-large")
    if len(safe.encode()) > LONGEST_SAFE:
        return Rendered(None, _as_text(safe), "html-too-large")
    return Rendered(safe, _as_text(safe), None)


def _bounded(source: str) -> str | None:
    """`source`, if need be without its formatting, if a parser makes little of it; else None."""
    tags, starts = len(_ANY_BEGIN.findall(source)), len(_START_BEGIN.findall(source))
    if tags * starts > MOST_STEPS or source.count("&") > MOST_ENTITIES:
        return None
    if tags * open_at_most(source) <= MOST_COPIES:
        return source
    plain = _FORMATTING_END.sub(" ", _FORMATTING.sub(" ", source))
    return plain if tags * open_at_most(plain) <= MOST_COPIES else None


def open_at_most(source: str) -> int:
    """How many formatting elements can be open at once: of equal ones a parser keeps three."""
    for _ in range(MOST_PAIRS_DEEP):
        source, removed = _PAIR.subn(lambda match: "" if _WHOLE.fullmatch(match[2]) else match[0], source)
        if not removed:
            break
    number: Counter[str] = Counter()
    others = 0
    for match in _FORMATTING.finditer(source):
        if match[2] and _WHOLE.fullmatch(match[1]):
            number[match[0]] += 1
        else:
            # It goes on behind what was matched, so that nobody knows what it is equal to.
            others += 1
    return sum(min(3, times) for times in number.values()) + others


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
    """How deep it nests, if its tags are in pairs: an end closes only what was begun."""
    is_open: Counter[str] = Counter()
    deepest = depth = 0
    for match in _TAG.finditer(source):
        name = match[2].lower()
        if name in _VOID or name in _IMPLIED or (match[1] and not is_open[name]):
            continue
        change = -1 if match[1] else 1
        is_open[name] += change
        depth += change
        deepest = max(deepest, depth)
    return deepest


def _as_text(safe: str) -> str:
    plain = stripped(safe)
    if not plain or _layout_at_most(safe) > LONGEST_LAYOUT:
        return plain
    try:
        text = get_text(f"<html><body>{safe}</body></html>", _CONFIG)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - its recursion has a limit; the plain way has none
        return plain
    text = tidied(clean(text).replace("\xa0", " "))
    return text or plain


def _layout_at_most(safe: str) -> int:
    """How many characters its tables can take when each cell is as wide as the widest and as high as its row."""
    if "<table" not in safe:
        return 0
    lines = _NEW_LINE.split(safe)
    columns = max(row.count("<td") + row.count("<th") for row in safe.split("<tr"))
    return len(lines) * max(map(len, lines)) * columns


def stripped(source: str) -> str:
    """The text of HTML without any understanding of it: tags removed, entities read."""
    without = re.sub(r"(?is)<(script|style)\b.*?(?:</\1|\Z)", " ", source[: LONGEST * 2])
    broken = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b", "\n<", without)
    return tidied(clean(entities.unescape(_ANY_TAG.sub("", broken))).replace("\xa0", " "))


def tidied(text: str) -> str:
    """Text without spaces at line ends and without more than one empty line."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
