"""Mails of any size whose cost must grow in proportion to their size, by name. Some of them once cost more."""

from collections.abc import Callable

HEAD = b"From: Jo <jo@mail.example>\r\nTo: council@banksia.example\r\nSubject: Hello\r\nMessage-ID: <grown@fuzz.example>\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _filled(size: int, before: bytes, unit: bytes, after: bytes = b"") -> bytes:
    """About `size` bytes."""
    return before + unit * max(1, (size - len(before) - len(after)) // len(unit)) + after


def _body(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: _filled(size, HEAD + b"\r\n" + before, unit, after + b"\r\n")


def _header(before: bytes, unit: bytes, after: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: _filled(size, HEAD + before, unit, after + b"\r\n\r\nHello.\r\n")


def _part(before: bytes, unit: bytes, after: bytes = b"") -> Callable[[int], bytes]:
    """A header of a part."""
    return lambda size: _filled(
        size, HEAD + MULTIPART + b"--b\r\n" + before, unit, after + b"\r\n\r\nHello.\r\n--b--\r\n"
    )


def _html(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: _filled(size, HEAD + HTML + before, unit, after + b"\r\n")


def _formatting(tag: bytes, block: bytes, share: int = 2) -> Callable[[int], bytes]:
    """Many different open formatting elements, and blocks in each of which the parser opens all of them again."""

    def made(size: int) -> bytes:
        opened = b"".join(tag % number for number in range(size // share // (len(tag) + 3)))
        return _filled(size, HEAD + HTML + b"<p>" + opened, block)

    return made


def _deep(size: int) -> bytes:
    """Nested multiparts, with lines in the innermost."""
    level = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    nested = b"".join(level % (number, number) for number in range(size // 4 // len(level)))
    return _filled(size, HEAD + nested + b"\r\n", b"x\r\n")


def _parts_of_parameters(size: int) -> bytes:
    """Parts that each have a header as expensive as one may be."""
    part = b'--b\r\nContent-Type: text/plain; a="' + b";" * 8_000 + b"\r\n\r\nHello.\r\n"
    return _filled(size, HEAD + MULTIPART, part, b"--b--\r\n")


def _continued(size: int) -> bytes:
    pieces = b"".join(b"; name*%d*=%%41" % number for number in range(size // 14))
    return HEAD + b"Content-Type: text/plain" + pieces + b"\r\n\r\nHello.\r\n"


def _wide(size: int) -> bytes:
    """A cell with half of the mail's bytes, above rows that fill the other half."""
    cell = b"<table><tr><td>" + b"x" * (size // 2) + b"</td></tr>"
    return _filled(size, HEAD + HTML + cell, b"<tr><td>x</td></tr>", b"</table>")


def _ends_in_spans(size: int) -> bytes:
    return _filled(size, HEAD + HTML + b"<span>" * (size // 24), b"</b>")


def _closings(size: int) -> bytes:
    return _filled(size, HEAD + b"\r\nHello.\r\n", b"Regards,\r\n" + b"\r\n" * 50)


def _inside(size: int) -> bytes:
    """A mail within the mail that has one long header."""
    return _filled(
        size, HEAD + MULTIPART + b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: ", b"a b,", b"\r\n\r\nHello.\r\n--b--\r\n"
    )  # fmt: skip


GROWING: dict[str, Callable[[int], bytes]] = {
    "blank lines between words": _body(b"\r\n", b"Hello\r\n", b"bye"),
    "blank lines between words, bare LF": _body(b"\n", b"Hello\n", b"bye"),
    "blank lines between words, bare CR": _body(b"\r", b"Hello\r", b"bye"),
    "lines of spaces between words": _body(b" \t\r\n", b"Hello\r\n", b"bye"),
    "closings between blank lines": _closings,
    "blank lines before a signature": _body(b"\r\n", b"Hello\r\n", b"-- \r\nJo"),
    "attributions of at signs": _body(b"on <" + b"@" * 380 + b"\r\nwrote:\r\n"),
    "attributions that say wrote": _body(b"on schrieb " + b"schrieb " * 40 + b"\r\n"),
    "attributions that end": _body(b"on schrieb " + b"schrieb " * 40 + b":\r\n"),
    "dates before addresses": _body(b"2026-11-23 " + b"<a@" * 120 + b"\r\n"),
    "quotations": _body(b"> x\r\nx\r\n"),
    "lines of a header block": _body(b"From: a\r\nTo: b\r\nSent: c\r\nSubject: d\r\n"),
    "semicolons in a parameter": _header(b'Content-Type: text/plain; a="', b";"),
    "semicolons in a closed parameter": _header(b'Content-Type: text/plain; a="', b";", b'"'),
    "semicolons without quotes": _header(b"Content-Type: text/plain", b";"),
    "quotes and semicolons": _header(b"Content-Type: text/plain; a=", b'";\\"'),
    "semicolons in a disposition": _header(b'Content-Disposition: attachment; filename="', b";"),
    "semicolons in a disposition of a part": _part(b'Content-Disposition: attachment; filename="', b";"),
    "semicolons in a type of a part": _part(b'Content-Type: text/plain; name="', b";"),
    "semicolons in a type of a mail inside": _part(
        b"Content-Type: message/rfc822\r\n\r\n" + b'Content-Type: multipart/mixed; a="', b";"
    ),
    "parts of semicolons": _parts_of_parameters,
    "a parameter in pieces": _continued,
    "folds in a parameter": _header(b'Content-Type: text/plain; a="', b"\r\n ;"),
    "encoded words side by side": _header(b"X-Subject: x\r\nSubject: ", b"=?a?q?xxxxxxxxx?= "),
    "encoded words in a name": _header(b"Cc: ", b"=?utf-8?b?TMM=?= ", b"<jo@mail.example>"),
    "encoded words in a file name": _part(
        b'Content-Disposition: attachment; filename="', b"=?utf-8?q?a?= ", b'"'
    ),
    "encoded words without an end": _header(b"Subject: ", b"=?utf-8?q?"),
    "charsets that there are not": _header(b"Subject: ", b"=?x-%d?q?a?= "),
    "copies to many": _header(b"Cc: jo@mail.example", b", jo@mail.example"),
    "headers of copies": _header(b"", b"Cc: (((((((((((((((((((((((((((((( jo@mail.example\r\n", b"X: y"),
    "headers of recipients": _header(b"", b'To: "a\\" <' + b'"a\\" <' * 2_000 + b"\r\n", b"X: y"),
    "comments in an address": _header(b"Reply-To: ", b"("),
    "references": _header(b"References: ", b"<a@b> "),
    "headers": _header(b"", b"X-Header: value\r\n", b"X: y"),
    "headers of a part": _part(b"", b"X-Header: value\r\n", b"X: y"),
    "types of a part, beyond ASCII": _part(b"", b"Content-Type: text/plain; name=\xff\r\n", b"X: y"),
    "a folded header": _header(b"X-Folded: a\r\n", b" a\r\n", b" a"),
    "a header beyond ASCII": _header(b"Subject: ", b"\xff"),
    "lines among the headers that are none": _header(b"", b"this is none\r\n", b"X: y"),
    "deep multiparts": _deep,
    "mails in mails": _header(b"", b"Content-Type: message/rfc822\r\n\r\n", b"Subject: x"),
    "parts": _header(MULTIPART, b"--b\r\n\r\nx\r\n", b"--b--"),
    "boundaries": _header(MULTIPART, b"--b\r\n", b"--b--"),
    "multiparts side by side": _header(
        MULTIPART, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n", b"--b--"
    ),
    "a mail inside with a long header": _inside,
    "recipients in a report": _header(
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n",
        b"Action: failed\r\nStatus: 5.1.1\r\n\r\n",
        b"--b--",
    ),
    "ids in a bounce": _header(
        b"From: MAILER-DAEMON@mail.example\r\nX-Failed-Recipients: jo@mail.example\r\n\r\n", b"Message-ID: <a@b>\r\n"
    ),
    "ids without an end in a bounce": _header(
        b"X-Failed-Recipients: jo@mail.example\r\n\r\n", b"Message-ID:\r\n\r\n\r\n"
    ),
    "base64": _header(b"Content-Transfer-Encoding: base64\r\n\r\n", b"QUJD\r\n"),
    "quoted-printable": _header(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=41=\r\n"),
    "uuencode": _header(b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n", b'"0V%T\r\n'),
    "one line": _body(b"a"),
    "lines": _body(b"word word word\r\n"),
    "bytes": _body(bytes(range(256))),
    "HTML: fonts made anew in paragraphs": _formatting(b"<font color=%d>", b"<p>x"),
    "HTML: fonts made anew in list items": _formatting(b"<FONT size='%d'>", b"<li>x", 8),
    "HTML: fonts made anew in divs": _formatting(b"<b/a=%d>", b"<div>x</div>", 8),
    "HTML: bold made anew in cells": _formatting(b"<b a='>%d'>", b"<table><b>x</table>", 8),
    "HTML: fonts that a wrong end hides": _formatting(b"<font color=%d></x>", b"<p>x"),
    "HTML: fonts that a comment seems to close": _formatting(b"<font color=%d><!--</font>-->", b"<p>x"),
    "HTML: fonts in code that is none": _formatting(b"<font color=%d><i>", b"</i><p>x"),
    "HTML: ends of bold across divs": _formatting(b"<b a=%d>", b"<div></b>", 8),
    "HTML: bold never closed": _html(b"<b><p>x"),
    "HTML: links made anew in paragraphs": _formatting(b"<a href=%d>", b"<p>x"),
    "HTML: ampersands": _html(b"&"),
    "HTML: entities": _html(b"&amp;"),
    "HTML: entities that are none": _html(b"&notit;"),
    "HTML: angle brackets": _html(b"<"),
    "HTML: divs": _html(b"<div>"),
    "HTML: divs that a wrong end hides": _html(b"<div></x>"),
    "HTML: spans": _html(b"<span>"),
    "HTML: ends of bold in spans": _ends_in_spans,
    "HTML: tables in tables": _html(b"<table><tr><td>"),
    "HTML: a wide cell above many rows": _wide,
    "HTML: a high cell beside a wide one": _html(
        b"x<br>", b"<table><tr><td>" + b"w" * 8_000 + b"</td><td>", b"</td></tr></table>"
    ),
    "HTML: rows": _html(b"<tr><td>x</td><td>y</td></tr>", b"<table>"),
    "HTML: cells": _html(b"<td>x</td>", b"<table><tr>"),
    "HTML: list items deep down": _html(b"<li>x</li>", b"<ul>" * 300),
    "HTML: quotations deep down": _html(b"<p>x</p>", b"<blockquote>" * 300),
    "HTML: paragraphs": _html(b"<p>x</p>"),
    "HTML: breaks": _html(b"x<br>"),
    "HTML: attributes": _html(b" a=b", b"<p", b">x"),
    "HTML: comments without an end": _html(b"<!--"),
    "HTML: scripts without an end": _html(b"<script>"),
    "HTML: quotes without an end": _html(b"<a b='<a b=\""),
    "HTML: images in attributes": _html(b"<img ", b"<img alt='", b"'>"),
    "HTML: blank lines": _html(b"\n", b"<pre>Hello", b"bye</pre>"),
}  # fmt: skip
