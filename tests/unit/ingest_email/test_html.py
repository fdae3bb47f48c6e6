import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from ingest_email.domain.html import LONGEST_SAFE, open_at_most, render, sanitised

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://track.example/pixel.gif' width=1 height=1>",
    "<img srcset='https://track.example/p.gif 1x' src='//track.example/p.gif'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='  JaVaScRiPt:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='/cases/1/delete'>x</a>",
    "<form action='https://evil.example'><input name=password></form>",
    "<style>body{background:url(https://track.example/x)}</style>",
    "<p style='background:url(https://track.example/x)'>x</p>",
    "<table background='https://track.example/x'><tr><td>x</table>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src='https://evil.example'></iframe>",
    "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    "<link rel=stylesheet href='https://evil.example'><base href='https://evil.example'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<video src='https://evil.example' autoplay></video><audio src='https://evil.example'>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<p id=login class=admin name=x onclick=alert(1)>x</p>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
]
FORBIDDEN_TAGS = {
    "script", "style", "form", "input", "button", "iframe", "object", "embed", "svg", "math", "link", "base", "meta",
    "video", "audio", "template", "noscript", "frame", "frameset", "textarea", "select",
}  # fmt: skip
ATTRIBUTES = {
    "href",
    "src",
    "alt",
    "title",
    "rel",
    "width",
    "height",
    "colspan",
    "rowspan",
    "align",
    "valign",
}


class Reader(HTMLParser):
    """What a browser would find: everything harmful is noted."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.harmful: list[str] = []
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.harmful += [tag] if tag in FORBIDDEN_TAGS else []
        for name, value in attrs:
            is_link = name == "href" and re.match(r"https?://|mailto:|tel:", value or "")
            is_image = name == "src" and tag == "img" and (value or "").startswith("cid:")
            if name not in ATTRIBUTES or (name == "href" and not is_link) or (name == "src" and not is_image):
                self.harmful.append(f"{tag} {name}={value}")

    @override
    def handle_comment(self, data: str) -> None:
        self.harmful.append(f"comment {data}")


@pytest.mark.parametrize("source", HOSTILE)
def test_customer_html_cannot_run_or_fetch_anything(source: str) -> None:
    rendered = render(f"<p>Hello</p>{source}<p>bye</p>")
    assert rendered.html is not None
    assert Reader(rendered.html).harmful == []
    assert "Hello" in rendered.text
    assert "alert" not in rendered.text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*HOSTILE, "<", ">", '"', "'", "<p>", "</p>", "&lt;", "x", "<!--", "]]>", "\x00", "\ud800"]
        ),
        max_size=12,
    )
)
def test_no_mixture_of_hostile_pieces_gets_through(pieces: list[str]) -> None:
    html = render("".join(pieces)).html or ""
    assert Reader(html).harmful == []


def test_links_open_without_their_opener_and_images_of_the_mail_stay() -> None:
    html = render('<a href="https://x.example">x</a><img src="cid:logo@x" alt="Logo">').html
    assert html is not None
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'src="cid:logo@x"' in html


def test_tables_and_breaks_are_readable_as_text() -> None:
    assert render("<p>One</p><p>Two<br>three</p>").text == "One\n\nTwo\nthree"
    assert "Rates  42" in render("<table><tr><td>Rates</td><td>42</td></tr></table>").text


def test_html_that_no_person_writes_is_not_shown_but_its_text_is_read() -> None:
    rendered = render("<div>" * 50_000 + "help")
    assert rendered == (None, "help", "html-too-deep")


@pytest.mark.parametrize(
    ("fonts", "paragraphs"), [(19, 10_000), (50, 500), (100, 500), (200, 1_000), (400, 2_000), (2_000, 8_000)]
)
@pytest.mark.parametrize(
    "tag", ["<font color={}>", "<B/a={}>", "<i a='>{}'>", "<font color={}></x>", '<u a=\'"\' b=">{}">']
)
def test_formatting_that_stays_open_makes_no_more_html_than_may_be_kept(
    fonts: int, paragraphs: int, tag: str
) -> None:
    opened = "".join(tag.format(number) for number in range(fonts))
    rendered = render(f"<p>{opened}" + "<p>x" * paragraphs)
    assert rendered.html is None or len(rendered.html.encode()) <= LONGEST_SAFE
    assert "".join(rendered.text.split()).endswith("x" * paragraphs)


def test_formatting_that_stays_open_is_left_out_and_all_else_stays() -> None:
    opened = "".join(f"<font color={number}>" for number in range(400))
    rendered = render(f"<p>{opened}<a href='https://x.example'>one</a><ul><li>two</ul>" + "<p>x" * 400)
    assert rendered.html is not None
    assert "font" not in rendered.html
    assert '<a href="https://x.example"' in rendered.html
    assert "<li>two</li>" in rendered.html


def test_formatting_that_closes_stays_however_much_there_is_of_it() -> None:
    page = "".join(f'<p><font color="#{number:06}"><b>{number}</b></font></p>' for number in range(1_500))
    html = render(page).html
    assert html is not None
    assert html.count("<font color=") == html.count("<b>") == 1_500


def test_html_that_is_too_large_to_be_shown_is_read_as_text() -> None:
    rendered = render("<p>Rates &amp; fees</p>" * 12_000)
    assert rendered.html is None
    assert rendered.defect == "html-too-large"
    assert rendered.text.startswith("Rates & fees\n")
    umlauts = "<p>" + "ü" * (LONGEST_SAFE // 2)
    assert render(umlauts).defect == "html-too-large"
    assert render(umlauts[:-10]).defect is None


PIECES = [
    "<b>", "<b a=1>", "<i>", "<font color=1>", "<font color=2>", "<font color='>'>", "</b>", "</i>", "</font>", "<b>x</b>", "<p>",
    "</p>", "<div>", "</div>", "<li>", "<ul>", "<table>", "<tr>", "<td>", "</td>", "</table>", "<a href=1>", "</a>", "<span>", "</span>",
    "<title>", "</title>", "<select>", "</select>", "<svg>", "</svg>", "<!--", "-->", "<![CDATA[", "<button>", "<object>", "x", '"', "'", "<",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_a_parser_never_makes_more_formatting_than_the_bound(pieces: list[str]) -> None:
    source = "".join(pieces)
    tags = len(re.findall(r"</?[a-z]", source))
    written = len(re.findall(r"<(?:b|i|font)\b", source))
    made = len(re.findall(r"<(?:b|i|font)\b", sanitised(source)))
    assert made <= written + tags * open_at_most(source)
