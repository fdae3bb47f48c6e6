"""A customer's HTML: sanitised for the agent desktop, and read as text. Nothing here raises but MemoryError."""

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
# Bytes of UTF-8 of the sanitised HTML: it goes into events.
LONGEST_SAFE = 200_000
# With deeper nesting the parser's time grows with the square. No person writes it.
DEEPEST = 3_000
# Upper bounds on what the parser does, for any input: steps down its stack (half a second), copies of formatting elements
# that stay open (about 100 MiB), and entities (each copies the text before it).
MOST_STEPS = 100_000_000
MOST_COPIES = 300_000
MOST_ENTITIES = 30_000
# Characters of a text in which tables are laid out in columns.
LONGEST_LAYOUT = 30_000_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
_IMPLIED = {"p", "li", "td", "tr", "th", "dd", "dt", "option"}
# Formatting elements: the parser opens them again in the next block when they are open at the end of this one (WHATWG HTML,
# 13.2.4.3). Links are not among them: one at a time stays open, apart from tricks with nine blocks in each.
_FORMATTING = re.compile(
    r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])([^<>]*+)(>?)", re.IGNORECASE
)
# An element that is closed before any other tag, so never opened again. Without it the element around may be one, too.
_PAIR = re.compile(
    r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])([^<>]*+)>[^<]*+</\1(?![^\s>])[^<>]*+>",
    re.IGNORECASE,
)
MOST_PAIRS_DEEP = 8
_FORMATTING_END = re.compile(
    r"</(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?![^\s/>])[^<>]*+>", re.IGNORECASE
)
# Complete attributes: no quote is open at their end.
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
    """Sanitised HTML (None when it can't be shown), the text of it, and its defect."""

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
    except Exception:  # noqa: BLE001 - HTML on which the sanitiser fails is not shown
        return Rendered(None, stripped(source), "html-broken")
    if safe is None or len(safe) > LONGEST:
        return Rendered(None, stripped(source), "html-too-large")
    if len(safe.encode()) > LONGEST_SAFE:
        return Rendered(None, _as_text(safe), "html-too-large")
    return Rendered(safe, _as_text(safe), None)


def _bounded(source: str) -> str | None:
    """`source`, or `source` without formatting elements, if it is within the bounds; else None."""
    tags, starts = len(_ANY_BEGIN.findall(source)), len(_START_BEGIN.findall(source))
    if tags * starts > MOST_STEPS or source.count("&") > MOST_ENTITIES:
        return None
    if tags * open_at_most(source) <= MOST_COPIES:
        return source
    plain = _FORMATTING_END.sub(" ", _FORMATTING.sub(" ", source))
    return plain if tags * open_at_most(plain) <= MOST_COPIES else None


def open_at_most(source: str) -> int:
    """How many formatting elements can be open at once; of equal ones a parser keeps three."""
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
            # The tag goes on behind the match, so it may differ from one that looks equal.
            others += 1
    return sum(min(3, times) for times in number.values()) + others


def sanitised(source: str) -> str:
    """The HTML with harmless elements only. Images are from the mail itself; a page that a link opens gets no `opener`."""
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
    """How deep the tags nest; an end tag without its start tag closes nothing."""
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
    except Exception:  # noqa: BLE001 - its recursion has a limit, and `stripped` has none
        return plain
    text = tidied(clean(text).replace("\xa0", " "))
    return text or plain


def _layout_at_most(safe: str) -> int:
    """The most characters that its tables can take: each cell as wide as the widest one, and as high as its row."""
    if "<table" not in safe:
        return 0
    lines = _NEW_LINE.split(safe)
    columns = max(row.count("<td") + row.count("<th") for row in safe.split("<tr"))
    return len(lines) * max(map(len, lines)) * columns


def stripped(source: str) -> str:
    """The text of HTML by the simplest means: tags are removed, entities decoded."""
    without_code = re.sub(r"(?is)<(script|style)\b.*?(?:</\1|\Z)", " ", source[: LONGEST * 2])
    broken = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b", "\n<", without_code)
    return tidied(clean(entities.unescape(_ANY_TAG.sub("", broken))).replace("\xa0", " "))


def tidied(text: str) -> str:
    """Text without spaces at line ends, and with at most one empty line in a row."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
