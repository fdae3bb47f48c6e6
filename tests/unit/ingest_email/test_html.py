import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from ingest_email.domain.html import render

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
